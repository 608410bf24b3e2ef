import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChatRequest, readChatRequest } from './chat-request.js';
import { type Behaviour, isBehaviour } from './misbehaviour.js';

/** One request that reached the server, and what became of it. */
export interface ServedCall {
  n: number;
  /** As the client named it: `X-Client-Request-Id`. */
  call_id: string;
  behaviour: Behaviour;
  status: number | null;
  /** `sent`: the answer is out whole. `gone`: the client hung up first. */
  end: 'open' | 'sent' | 'broken_off' | 'gone';
  /** Told to the client where an answer is sent. */
  tokens_in: number;
  tokens_out: number;
}

export interface FakeModelServerOptions {
  port?: number;
  /** The text of a good answer. */
  answer: (request: ChatRequest) => string | Promise<string>;
  /** What to do with the n-th request, counted from 1. */
  behaviour?: (n: number, request: ChatRequest) => Behaviour;
  lateMs?: number;
  slowMs?: number;
}

const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
const TEN_MEGABYTES = 10 * 1024 * 1024;
const DAY_SECONDS = 86_400;
const CHARS_PER_TOKEN = 4;
const DROPS = 20;

/** A server that speaks OpenAI's chat completions over real sockets, and misbehaves on order. It logs every request. */
export class FakeModelServer {
  readonly log: ServedCall[] = [];
  private readonly next: Behaviour[] = [];
  private readonly server: Server;
  private readonly stopping = new AbortController();

  private constructor(private readonly options: FakeModelServerOptions) {
    this.server = createServer((request, response) => {
      // A connection that is used again may be closed by us just when the client sends: a call that we never see.
      response.setHeader('Connection', 'close');
      this.serve(request, response).catch(() => response.destroy());
    });
  }

  static async start(options: FakeModelServerOptions): Promise<FakeModelServer> {
    const fake = new FakeModelServer(options);
    await new Promise<void>((resolve, reject) => {
      fake.server.once('error', reject);
      fake.server.listen(options.port ?? 0, '127.0.0.1', resolve);
    });
    return fake;
  }

  /** What a client takes for its base URL. */
  get url(): string {
    // Of a server that listens on a port.
    const { port } = this.server.address() as AddressInfo;
    return `http://127.0.0.1:${String(port)}/v1`;
  }

  /** The next requests meet these, one each, before `behaviour` is asked. */
  misbehave(...next: readonly Behaviour[]): void {
    this.next.push(...next);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => {
        resolve();
      });
    });
    this.server.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0];
    const route = `${request.method ?? ''} ${path ?? ''}`;
    const body = await readBody(request);
    if (route === 'POST /v1/chat/completions') await this.complete(request, response, body);
    else if (route === 'GET /v1/models')
      sendJson(response, 200, { object: 'list', data: [{ id: 'fake', object: 'model' }] });
    else if (route === 'GET /log') sendJson(response, 200, { items: this.log });
    else if (route === 'POST /misbehave') this.order(response, body);
    else sendJson(response, 404, { error: { message: 'there is no such route', type: 'not_found' } });
  }

  private order(response: ServerResponse, body: string): void {
    const wanted: unknown = JSON.parse(body);
    const list = Array.isArray(wanted) ? wanted : [wanted];
    const known = list.filter(isBehaviour);
    if (known.length < list.length) {
      sendJson(response, 400, { error: { message: 'send a list of names of misbehaviours' } });
      return;
    }
    this.misbehave(...known);
    sendJson(response, 200, { waiting: this.next });
  }

  private async complete(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
    const chat = readChatRequest(body);
    if (!chat) {
      sendJson(response, 400, { error: { message: 'this is no chat completion request' } });
      return;
    }
    const n = this.log.length + 1;
    const call: ServedCall = {
      n,
      call_id: String(request.headers['x-client-request-id'] ?? ''),
      behaviour: this.next.shift() ?? this.options.behaviour?.(n, chat) ?? 'answer',
      status: null,
      end: 'open',
      tokens_in: 0,
      tokens_out: 0,
    };
    this.log.push(call);
    response.once('close', () => {
      if (call.end === 'open') call.end = response.writableFinished ? 'sent' : 'gone';
    });
    await this.behave(call, chat, request, response);
  }

  private async behave(
    call: ServedCall,
    chat: ChatRequest,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { lateMs = 1_000, slowMs = 1_000 } = this.options;
    const refuse = (status: number, headers: Record<string, string> = {}): void => {
      call.status = status;
      sendJson(
        response,
        status,
        { error: { message: `as ordered: ${call.behaviour}`, type: 'fake' } },
        headers,
      );
    };
    switch (call.behaviour) {
      case 'hang':
        return;
      case 'reset':
        call.end = 'broken_off';
        request.socket.resetAndDestroy();
        return;
      case 'retry_after_1':
        refuse(429, { 'Retry-After': '1' });
        return;
      case 'retry_after_86400':
        refuse(429, { 'Retry-After': String(DAY_SECONDS) });
        return;
      case 'retry_after_date':
        refuse(429, { 'Retry-After': new Date(Date.now() + 2_000).toUTCString() });
        return;
      case 'error_400':
        refuse(400);
        return;
      case 'error_500':
        refuse(500);
        return;
      case 'error_529':
        refuse(529);
        return;
      case 'broken_body':
        call.status = 200;
        response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"choices": [{"mess');
        return;
      case 'half':
        await this.answer(call, chat, response, await this.options.answer(chat), async (text) => {
          call.end = 'broken_off';
          response.write(text.slice(0, text.length / 2));
          await sleep(5);
          response.destroy();
        });
        return;
      case 'broken_answer':
        await this.answer(call, chat, response, 'Certainly! Here is the plan that you asked for: {"text": ');
        return;
      case 'other_shape':
        await this.answer(call, chat, response, '{"plan": {"steps": "all of them"}}');
        return;
      case 'ten_megabytes':
        await this.answer(call, chat, response, 'x'.repeat(TEN_MEGABYTES));
        return;
      case 'late':
        await this.pause(lateMs);
        await this.answer(call, chat, response, await this.options.answer(chat));
        return;
      case 'slow':
        await this.answer(call, chat, response, await this.options.answer(chat), async (text) => {
          const size = Math.ceil(text.length / DROPS);
          for (let at = 0; at < text.length; at += size) {
            response.write(text.slice(at, at + size));
            await this.pause(slowMs / DROPS);
          }
          response.end();
        });
        return;
      case 'answer':
        await this.answer(call, chat, response, await this.options.answer(chat));
        return;
      default:
        call.behaviour satisfies never;
    }
  }

  private async answer(
    call: ServedCall,
    chat: ChatRequest,
    response: ServerResponse,
    content: string,
    send?: (text: string) => Promise<void>,
  ): Promise<void> {
    const prompt = chat.messages.reduce((sum, message) => sum + message.content.length, 0);
    call.tokens_in = Math.ceil(prompt / CHARS_PER_TOKEN);
    call.tokens_out = Math.ceil(content.length / CHARS_PER_TOKEN);
    call.status = 200;
    const text = JSON.stringify({
      id: `chatcmpl-${String(call.n)}`,
      object: 'chat.completion',
      created: Math.floor(Date.now() / 1_000),
      model: chat.model,
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
      usage: {
        prompt_tokens: call.tokens_in,
        completion_tokens: call.tokens_out,
        total_tokens: call.tokens_in + call.tokens_out,
      },
    });
    response.writeHead(200, { 'Content-Type': 'application/json' });
    if (send) await send(text);
    else response.end(text);
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopping.signal });
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    // A request without an encoding gives buffers.
    const buffer = chunk as Buffer;
    bytes += buffer.byteLength;
    if (bytes > MAX_REQUEST_BYTES) throw new Error('the request is too large');
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
}
