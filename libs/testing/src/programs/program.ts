import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from '../eventually.js';
import { CHECKOUT } from './checkout.js';

export type ProgramName = 'api' | 'worker';

/** How a program ended: by a code, or by a signal. */
export interface ProgramEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One line of a program's log, as the JSON object that it has to be. */
export type LogLine = Readonly<Record<string, unknown>> & { event?: string };

export interface ProgramPlace {
  /** Where the program runs; not the checkout, whose `.env` is none of the test's business. */
  folder: string;
  env: Readonly<Record<string, string>>;
}

/** A start on a busy machine. */
const START_MS = 40_000;
const END_MS = 40_000;

const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** A program of the build, as a real process, with its log. */
export class Program {
  /** Its standard output, line by line, as it came. */
  readonly output: string[] = [];
  /** Its standard error, where nothing should be. */
  readonly errors: string[] = [];
  readonly ended: Promise<ProgramEnd>;
  private readonly parsed: LogLine[] = [];

  private constructor(
    readonly name: ProgramName,
    private readonly child: ChildProcess,
  ) {
    living.add(child);
    if (child.stdout) createInterface(child.stdout).on('line', (line) => this.output.push(line));
    if (child.stderr) createInterface(child.stderr).on('line', (line) => this.errors.push(line));
    this.ended = new Promise((resolve) => {
      // `close` comes after the last line was read.
      child.once('close', (code, signal) => {
        living.delete(child);
        resolve({ code, signal });
      });
    });
  }

  /** Starts the program and comes back at once: it may well refuse to start. */
  static launch(name: ProgramName, { folder, env }: ProgramPlace): Program {
    const child = spawn(process.execPath, [join(CHECKOUT, `dist/apps/${name}/src/main.js`)], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Program(name, child);
  }

  /** Starts the program and waits until it says that it works. */
  static async start(name: ProgramName, place: ProgramPlace): Promise<Program> {
    const program = Program.launch(name, place);
    const event = name === 'api' ? 'SS_API_STARTUP' : 'SS_WORKER_STARTUP';
    await Promise.race([
      eventually(() => program.find(event), START_MS),
      program.ended.then((end) => {
        throw new Error(
          `${name} ended with ${JSON.stringify(end)}:\n${[...program.output, ...program.errors].join('\n')}`,
        );
      }),
    ]);
    return program;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Where it answers. */
  get url(): string {
    return String(this.find('SS_API_STARTUP')?.['url'] ?? this.find('SS_WORKER_STARTUP')?.['url']);
  }

  /** Its log. Throws for a line that is no JSON object. */
  get log(): LogLine[] {
    // Once for each line: who waits for an event looks again and again.
    for (const line of this.output.slice(this.parsed.length)) {
      const parsed: unknown = JSON.parse(line);
      if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
        throw new Error(`${this.name} logged something else than an object: ${line}`);
      }
      this.parsed.push(parsed as LogLine);
    }
    return [...this.parsed];
  }

  /** The first line of an event that has these fields. */
  find(event: string, fields: Readonly<Record<string, unknown>> = {}): LogLine | undefined {
    return this.log.find(
      (line) => line.event === event && Object.entries(fields).every(([name, value]) => line[name] === value),
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Asks it to stop (SIGTERM, unless told otherwise) and tells how it ended; one that does not end is killed. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<ProgramEnd> {
    this.child.kill(signal);
    const hard = setTimeout(() => this.child.kill('SIGKILL'), END_MS);
    const end = await this.ended;
    clearTimeout(hard);
    return end;
  }
}
