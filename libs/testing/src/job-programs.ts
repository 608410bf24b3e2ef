import { FolderArtifactStore } from '#artifacts';
import type { Database, Scope, TenantScope } from '#database';
import type { Drafter } from '#drafting';
import { Execution } from '#execution';
import {
  DraftExchanges,
  JobBatches,
  JobDrafting,
  JobErasure,
  JobInputs,
  JobLifecycle,
  JobLists,
  JobReads,
  JobRuns,
  JobTasks,
  LostRuns,
  type WorkerIdentity,
  Workers,
} from '#jobs';
import { CallLedger } from '#llm';
import { STEP_TYPES } from '#plans';
import { Queue } from '#queue';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestDatabase } from './test-database.js';

export const LEASE_MS = 60_000;
export const MAX_LOST_RUNS = 3;

/** The API's and the worker's side of jobs, put together as the programs do, with two logins and a folder of its own. */
export class JobPrograms {
  readonly api: Database;
  readonly worker: Database;
  readonly workerScope: Scope;
  readonly workerIdentity: WorkerIdentity = {
    workerId: randomUUID(),
    build: 'test',
    abilities: [...STEP_TYPES],
    slots: 2,
  };
  readonly lifecycle: JobLifecycle;
  readonly inputs: JobInputs;
  readonly batches: JobBatches;
  readonly lists: JobLists;
  readonly tasks: JobTasks;
  readonly reads: JobReads;
  readonly erasure: JobErasure;
  readonly runs: JobRuns;
  readonly lost: LostRuns;
  readonly workers: Workers;

  private constructor(
    db: TestDatabase,
    readonly store: FolderArtifactStore,
    readonly apiQueue: Queue,
    readonly workerQueue: Queue,
    private readonly folder: string,
  ) {
    this.api = db.database('ss_api');
    this.worker = db.database('ss_worker');
    this.workerScope = { actor: { kind: 'worker', id: this.workerIdentity.workerId }, source: 'worker' };
    this.lifecycle = new JobLifecycle(this.api, apiQueue, store, []);
    this.inputs = new JobInputs(this.api, store, new Execution({ profiles: {} }), 1_000_000);
    this.batches = new JobBatches(this.api, apiQueue, store, []);
    this.lists = new JobLists(this.api);
    this.tasks = new JobTasks(this.api, this.lists);
    this.reads = new JobReads(this.api);
    this.erasure = new JobErasure(this.api, store);
    this.runs = new JobRuns(this.worker, workerQueue, this.workerScope, LEASE_MS);
    this.lost = new LostRuns(this.worker, workerQueue, this.workerScope, MAX_LOST_RUNS);
    this.workers = new Workers(this.worker, this.workerScope, LEASE_MS);
  }

  static async start(db: TestDatabase): Promise<JobPrograms> {
    const folder = await mkdtemp(join(tmpdir(), 'ss-jobs-'));
    const queue = (role: 'ss_api' | 'ss_worker'): Queue =>
      // No supervision: what looks after queues in the background would only be in the way of a test.
      new Queue(
        db.database(role),
        { actor: { kind: 'worker', id: 'queue' }, source: 'test' },
        {
          consumes: false,
          onError: () => undefined,
        },
      );
    const queues = { api: queue('ss_api'), worker: queue('ss_worker') };
    await Promise.all([queues.api.start(), queues.worker.start()]);
    return new JobPrograms(db, new FolderArtifactStore(folder), queues.api, queues.worker, folder);
  }

  /** A client of the tenant, with a key. */
  client(tenantId: string, given: Partial<Scope> = {}): TenantScope {
    return { tenantId, actor: { kind: 'api_key', id: 'key_of_the_test' }, source: 'api', ...given };
  }

  drafting(drafter: Drafter, watchMs?: number): JobDrafting {
    const exchanges = new DraftExchanges(this.store, new CallLedger(this.worker, this.workerScope));
    return new JobDrafting(this.worker, this.workerQueue, this.workerScope, drafter, exchanges, watchMs);
  }

  async stop(): Promise<void> {
    await Promise.all([this.apiQueue.stop(), this.workerQueue.stop()]);
    await rm(this.folder, { recursive: true, force: true });
  }
}
