import { appendFileSync } from 'node:fs';

/** One line of a program's log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** What a program wrote: all of it in a file, in memory only what is looked for. */
export class ProgramLog {
  /** Lines of level error or fatal since they were last taken, and whatever was no log line at all. */
  private grave: string[] = [];
  private readonly latest = new Map<string, LogLine>();
  private readonly counts = new Map<string, number>();

  constructor(private readonly file: string) {}

  hear(line: string): void {
    appendFileSync(this.file, `${line}\n`);
    const parsed = parse(line);
    const event = parsed?.['event'];
    if (parsed === null || typeof event !== 'string') {
      this.grave.push(line);
      return;
    }
    this.latest.set(event, parsed);
    this.counts.set(event, this.count(event) + 1);
    if (parsed['level'] === 'error' || parsed['level'] === 'fatal') this.grave.push(line);
  }

  find(event: string): LogLine | undefined {
    return this.latest.get(event);
  }

  count(event: string): number {
    return this.counts.get(event) ?? 0;
  }

  /** The grave lines that came since the last time. */
  takeGrave(): string[] {
    return this.grave.splice(0);
  }
}

function parse(line: string): LogLine | null {
  try {
    const parsed: unknown = JSON.parse(line);
    return parsed !== null && typeof parsed === 'object' ? (parsed as LogLine) : null;
  } catch {
    return null;
  }
}
