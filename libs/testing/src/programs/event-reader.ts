import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Client, RequestHeaders } from './client.js';

/** One message of a stream of server-sent events. */
export interface ReadEvent {
  id: string;
  event: string;
  data: Record<string, unknown>;
}

/** Reads an event stream over a socket of its own, as the standard has it. */
export class EventReader {
  readonly events: ReadEvent[] = [];
  /** Everything that came, as it came. */
  text = '';
  hasEnded = false;
  private rest = '';
  private lastId = '';

  private constructor(private readonly answer: IncomingMessage) {
    answer.setEncoding('utf8').on('data', (chunk: string) => {
      this.read(chunk);
    });
    // A connection that breaks ends the stream as well.
    answer.on('error', () => undefined).on('close', () => (this.hasEnded = true));
  }

  static async open(client: Client, path: string, headers: RequestHeaders = {}): Promise<EventReader> {
    const asking = request(`${client.url}${path}`, {
      agent: false,
      headers: { accept: 'text/event-stream', authorization: `Bearer ${client.key ?? ''}`, ...headers },
    }).end();
    // What `response` brings.
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    asking.on('error', () => undefined);
    return new EventReader(answer);
  }

  get status(): number {
    return this.answer.statusCode ?? 0;
  }

  get headers(): IncomingMessage['headers'] {
    return this.answer.headers;
  }

  get types(): string[] {
    return this.events.map(({ event }) => event);
  }

  /** The id to go on behind: of the last message, one without data included. */
  get lastEventId(): string {
    return this.lastId;
  }

  pause(): void {
    this.answer.pause();
  }

  resume(): void {
    this.answer.resume();
  }

  close(): void {
    this.answer.destroy();
  }

  private read(chunk: string): void {
    this.text += chunk;
    this.rest += chunk;
    const messages = this.rest.split('\n\n');
    this.rest = messages.pop() ?? '';
    for (const message of messages) {
      const fields = new Map(
        message.split('\n').map((line): [string, string] => {
          const at = line.indexOf(':');
          return [line.slice(0, at), line.slice(at + 1).trimStart()];
        }),
      );
      this.lastId = fields.get('id') ?? this.lastId;
      const data = fields.get('data');
      if (data === undefined) continue;
      const event = { id: this.lastId, event: fields.get('event') ?? 'message' };
      // The API sends objects.
      this.events.push({ ...event, data: JSON.parse(data) as Record<string, unknown> });
    }
  }
}
