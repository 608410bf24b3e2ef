import type { ArtifactStore, Removed } from '#artifacts';
import type { Database, Instant, Scope, Tx } from '#database';
import type { JobRef } from '#queue';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  COUNT_ENDED_JOBS,
  COUNT_EXPIRED_KEYS,
  DELETE_CALLS,
  DELETE_ENDED_JOBS,
  DELETE_EXPIRED_KEYS,
  DELETE_EXPIRED_UPLOADS,
  DELETE_KEYS,
} from './job-retention.sql.js';
import { OwnerlessFiles } from './ownerless-files.js';
import { columnsOf } from './ref-columns.js';

/** What was removed, or would be. */
export interface Removal {
  jobs: number;
  llm_calls: number;
  idempotency_keys: number;
  files: number;
  bytes: number;
}

/** What a run would take now. */
export interface RetentionDue {
  tenants: { tenant_id: string; retention_days: number; jobs: number; oldest: Instant }[];
  idempotency_keys: number;
  /** Jobs that have a folder and no row, or whose data were erased. */
  ownerless_jobs: number;
}

export interface RetentionLimits {
  /** Jobs in one transaction: some tenths of a second. */
  jobs: number;
  keys: number;
  /** Between two transactions, so that others get their turn. */
  pauseMs: number;
  /** What was touched since may belong to a new job of the same id, whose row is about to come. */
  spareMs: number;
}

const LIMITS: RetentionLimits = { jobs: 200, keys: 2_000, pauseMs: 200, spareMs: 3_600_000 };

/** One process at a time; any number will do, so long as every SS uses the same. */
const TAKE_TURN = 'SELECT pg_try_advisory_xact_lock(5302044) AS mine';

const REASON = 'the time for which it is kept was over';

/**
 * Deletes jobs some time after their end with all that belongs to them, answers that are kept no longer, and files that
 * nothing owns any more. In small transactions; rows first, files after: what a crash leaves between them is found again.
 */
export class JobRetention {
  private readonly scope: Scope;
  private readonly ownerless: OwnerlessFiles;

  constructor(
    private readonly database: Database,
    private readonly store: ArtifactStore,
    scope: Scope,
    /** Where a tenant has no time of its own. Null: as long as nobody deletes them. */
    private readonly days: number | null,
    private readonly limits: RetentionLimits = LIMITS,
  ) {
    this.scope = { ...scope, reason: REASON };
    this.ownerless = new OwnerlessFiles(database, store, scope, limits);
  }

  /** Changes nothing. */
  async due(): Promise<RetentionDue> {
    const [tenants, keys] = await this.database.acrossTenants(this.scope, async (tx) => [
      await tx.query<RetentionDue['tenants'][number]>(COUNT_ENDED_JOBS, [this.days]),
      await tx.query<{ keys: number }>(COUNT_EXPIRED_KEYS),
    ]);
    return { tenants, idempotency_keys: keys[0]?.keys ?? 0, ownerless_jobs: await this.ownerless.count() };
  }

  /** Removes all that is due, until it is gone, another process is at it, or `signal`. */
  async run(signal?: AbortSignal): Promise<Removal> {
    const removal = await this.deleteEnded(signal);
    const { files, bytes } = await this.removeOwnerless(signal);
    return { ...removal, files: removal.files + files, bytes: removal.bytes + bytes };
  }

  /** Jobs with what belongs to them, answers, and uploads that were never finished. */
  async deleteEnded(signal?: AbortSignal): Promise<Removal> {
    const removal = { jobs: 0, llm_calls: 0, idempotency_keys: 0, files: 0, bytes: 0 };
    await this.batches(() => this.deleteJobs(removal), signal);
    await this.batches(() => this.deleteKeys(removal), signal);
    await this.batches(() => this.deleteUploads(removal), signal);
    return removal;
  }

  /** Files that nothing owns. Walks through all folders of the store, which takes its time. */
  async removeOwnerless(signal?: AbortSignal): Promise<Removed> {
    return this.ownerless.remove(signal);
  }

  /** Repeats what answers whether there may be more, with a pause in between. */
  private async batches(work: () => Promise<boolean>, signal?: AbortSignal): Promise<void> {
    while (!isStopped(signal) && (await work())) {
      await sleep(this.limits.pauseMs, undefined, signal ? { signal } : {}).catch(() => undefined);
    }
  }

  private async deleteJobs(removal: Removal): Promise<boolean> {
    const deleted = await this.inTurn(async (tx) => {
      const jobs = await tx.query<JobRef & Record<string, unknown>>(DELETE_ENDED_JOBS, [
        this.days,
        this.limits.jobs,
      ]);
      removal.jobs += jobs.length;
      removal.llm_calls += (await tx.query(DELETE_CALLS, columnsOf(jobs))).length;
      removal.idempotency_keys += (await tx.query(DELETE_KEYS, columnsOf(jobs))).length;
      return jobs;
    });
    const before = new Date(Date.now() - this.limits.spareMs);
    for (const job of deleted) {
      const { files, bytes } = await this.store.removeAll(job, before);
      removal.files += files;
      removal.bytes += bytes;
    }
    return deleted.length === this.limits.jobs;
  }

  private async deleteKeys(removal: Removal): Promise<boolean> {
    const deleted = await this.inTurn((tx) => tx.query(DELETE_EXPIRED_KEYS, [this.limits.keys]));
    removal.idempotency_keys += deleted.length;
    return deleted.length === this.limits.keys;
  }

  private async deleteUploads(removal: Removal): Promise<boolean> {
    const deleted = await this.inTurn((tx) =>
      tx.query<JobRef & { storageName: string | null }>(DELETE_EXPIRED_UPLOADS, [this.limits.keys]),
    );
    for (const { storageName, ...job } of deleted) {
      if (storageName === null) continue;
      const ref = { ...job, storageName };
      const there = await this.store.stat(ref);
      if (!there) continue;
      await this.store.remove(ref);
      removal.files += 1;
      removal.bytes += there.bytes;
    }
    return deleted.length === this.limits.keys;
  }

  /** Nothing, where another process is at it. */
  private async inTurn<T>(work: (tx: Tx) => Promise<T[]>): Promise<T[]> {
    return this.database.acrossTenants(this.scope, async (tx) => {
      const [turn] = await tx.query<{ mine: boolean }>(TAKE_TURN);
      return turn?.mine ? work(tx) : [];
    });
  }
}

function isStopped(signal: AbortSignal | undefined): boolean {
  return signal?.aborted ?? false;
}
