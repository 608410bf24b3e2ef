import { JobLifecycle, JobRuns, LostRuns, Workers } from '#jobs';
import { type JobPrograms, LEASE_MS, MAX_LOST_RUNS } from '../job-programs.js';
import type { TestDatabase } from '../test-database.js';
import { GatedDatabase } from './gated-database.js';

/** What a session can do: the real methods, on a connection of its own that goes on when it is let. */
export interface SessionParts {
  lifecycle: JobLifecycle;
  runs: JobRuns;
  lost: LostRuns;
  workers: Workers;
}

/** One of the sessions whose statements are put in every order. */
export class SessionUnderTest {
  readonly parts: SessionParts;
  private readonly databases: GatedDatabase[];
  private letThrough: (() => void) | null = null;
  /** Nothing is done any more, or nothing was begun yet. */
  private working = false;
  /** What came of it: `ok`, or the code of the refusal. */
  answer = '';

  constructor(
    readonly name: string,
    db: TestDatabase,
    programs: JobPrograms,
  ) {
    const open = (role: 'ss_api' | 'ss_worker', url: string): GatedDatabase =>
      new GatedDatabase(
        { url, role, applicationName: this.applicationName, poolSize: 1, onError: () => undefined },
        () => new Promise((resolve) => (this.letThrough = resolve)),
      );
    const api = open('ss_api', db.apiUrl);
    const worker = open('ss_worker', db.workerUrl);
    this.databases = [api, worker];
    const { workerScope, workerQueue, apiQueue, store } = programs;
    this.parts = {
      lifecycle: new JobLifecycle(api, apiQueue, store, []),
      runs: new JobRuns(worker, workerQueue, workerScope, LEASE_MS),
      lost: new LostRuns(worker, workerQueue, workerScope, MAX_LOST_RUNS),
      workers: new Workers(worker, workerScope, LEASE_MS),
    };
  }

  get applicationName(): string {
    return `interleaved-${this.name}`;
  }

  begin(work: (parts: SessionParts) => Promise<unknown>): void {
    this.working = true;
    this.letThrough = null;
    work(this.parts)
      .then(
        () => 'ok',
        (fault: unknown) =>
          typeof fault === 'object' && fault !== null && 'code' in fault ? String(fault.code) : String(fault),
      )
      .then((answer) => {
        this.answer = answer;
        this.working = false;
      })
      .catch(() => undefined);
  }

  get isDone(): boolean {
    return !this.working;
  }

  /** It stands before its next statement, or before its commit. */
  get isReady(): boolean {
    return this.letThrough !== null;
  }

  step(): void {
    const go = this.letThrough;
    this.letThrough = null;
    go?.();
  }

  async close(): Promise<void> {
    await Promise.all(this.databases.map((database) => database.close()));
  }
}
