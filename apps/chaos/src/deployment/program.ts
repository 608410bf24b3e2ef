import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from '../waiting.js';
import { ProgramLog } from './program-log.js';

export type ProgramKind = 'api' | 'worker';

export interface ProgramEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ProgramPlace {
  /** Where it runs; not the checkout, whose `.env` is of no concern here. */
  folder: string;
  env: Readonly<Record<string, string>>;
}

const START_MS = 60_000;
const END_MS = 60_000;

const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** The API or a worker of this build as a child process, which ends with this one whatever happens. */
export class Program {
  readonly log: ProgramLog;
  readonly ended: Promise<ProgramEnd>;
  /** How it ended, once it has. */
  end: ProgramEnd | null = null;
  /** Somebody here asked it to end, or killed it. */
  isAsked = false;
  readonly startedAt = Date.now();

  private constructor(
    readonly name: string,
    readonly kind: ProgramKind,
    private readonly child: ChildProcess,
    logFile: string,
  ) {
    this.log = new ProgramLog(logFile);
    living.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream)
        createInterface(stream).on('line', (line) => {
          this.log.hear(line);
        });
    }
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        living.delete(child);
        this.end = { code, signal };
        resolve(this.end);
      });
    });
  }

  /** Starts it and comes back at once. */
  static launch(name: string, kind: ProgramKind, { folder, env }: ProgramPlace): Program {
    const main = fileURLToPath(new URL(`../../../${kind}/src/main.js`, import.meta.url));
    const child = spawn(process.execPath, ['--enable-source-maps', main], {
      cwd: folder,
      // Of its own group, so that Ctrl-C reaches it through this program alone; the channel ends it with this program.
      detached: true,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    return new Program(name, kind, child, join(folder, 'logs', `${name}.log`));
  }

  /** Waits until it says that it works. */
  async started(): Promise<this> {
    const event = this.kind === 'api' ? 'SS_API_STARTUP' : 'SS_WORKER_STARTUP';
    const done = await within(START_MS, () => this.end !== null || this.log.find(event) !== undefined);
    if (done === null || this.end)
      throw new Error(`${this.name} did not start:\n${this.log.takeGrave().join('\n')}`);
    return this;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.name} has no process`);
    return this.child.pid;
  }

  get isRunning(): boolean {
    return this.end === null;
  }

  /** The id that this start of a worker has in the database. */
  get workerId(): string {
    return String(this.log.find('SS_WORKER_STARTUP')?.['worker_id']);
  }

  get url(): string {
    return String(this.log.find(this.kind === 'api' ? 'SS_API_STARTUP' : 'SS_WORKER_STARTUP')?.['url']);
  }

  /** A signal that does not end it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(signal);
  }

  kill(): void {
    this.isAsked = true;
    this.child.kill('SIGKILL');
  }

  /** SIGTERM; may be said again. */
  ask(): void {
    this.isAsked = true;
    this.child.kill('SIGTERM');
  }

  /** Asks it to end and waits; kills it when it does not. */
  async stop(): Promise<ProgramEnd> {
    this.ask();
    const hard = setTimeout(() => this.child.kill('SIGKILL'), END_MS);
    const end = await this.ended;
    clearTimeout(hard);
    return end;
  }
}
