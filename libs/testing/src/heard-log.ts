import { createLogger, type Logger } from '#observability';

/** A logger whose lines can be looked at. */
export class HeardLog {
  private readonly written: string[] = [];
  readonly logger: Logger = createLogger(
    { program: 'test', level: 'debug' },
    { write: (line: string) => void this.written.push(line) },
  );

  /** Everything that was written, as text. */
  get text(): string {
    return this.written.join('');
  }

  /** The lines of an event, or all. A line is one JSON object. */
  lines(event?: string): Record<string, unknown>[] {
    const all = this.written.map((line) => JSON.parse(line) as Record<string, unknown>);
    return event === undefined ? all : all.filter((line) => line['event'] === event);
  }

  /** The names of all events, in order. */
  get events(): unknown[] {
    return this.lines().map((line) => line['event']);
  }
}
