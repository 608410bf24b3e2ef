import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface ProgramStart {
  program: 'api' | 'worker';
  url: string;
  port: number;
  environment: Readonly<Record<string, string>>;
  /** Where its log goes. */
  log: Writable;
}

const READY_MS = 60_000;
const LOOK_MS = 100;
const END_MS = 60_000;
const KEPT_LOG_CHARS = 4_000;

/** The API or a worker as a child process: started, waited for until it is ready, ended in order. */
export class ProgramProcess {
  private lastWords = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly start: ProgramStart,
  ) {}

  /** Starts the program and waits until it calls itself ready. */
  static async start(start: ProgramStart): Promise<ProgramProcess> {
    const main = fileURLToPath(new URL(`../../${start.program}/src/main.js`, import.meta.url));
    const child = spawn(process.execPath, ['--enable-source-maps', main], {
      // A group of its own: Ctrl-C reaches it through `stop` alone, once and in order. The channel tells it when
      // this process is gone without a word; then it ends by itself.
      detached: true,
      env: { ...process.env, ...start.environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const started = new ProgramProcess(child, start);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        started.lastWords = (started.lastWords + chunk.toString('utf8')).slice(-KEPT_LOG_CHARS);
        start.log.write(chunk);
      });
    }
    try {
      await started.ready();
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  get url(): string {
    return this.start.url;
  }

  /** Resolves when the program has ended, for whatever cause. */
  async ended(): Promise<void> {
    if (this.isRunning) await once(this.child, 'exit');
  }

  /** Asks it to stop, and waits; kills it when it does not. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), END_MS);
    await gone;
    clearTimeout(timer);
  }

  /** A second request to stop: whoever asks does not want to wait. */
  hurry(): void {
    if (this.isRunning) this.child.kill('SIGTERM');
  }

  private get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  private async ready(): Promise<void> {
    const deadline = performance.now() + READY_MS;
    while (this.isRunning && performance.now() < deadline) {
      const response = await fetch(`${this.start.url}/health/ready`, {
        signal: AbortSignal.timeout(3_000),
      }).catch(() => null);
      if (response?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    const how = this.isRunning ? 'did not become ready' : 'ended before it was ready';
    throw new Error(`the ${this.start.program} ${how}. Its last words:\n${this.lastWords}`);
  }
}
