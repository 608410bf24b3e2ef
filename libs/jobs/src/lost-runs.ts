import type { Database, Scope } from '#database';
import { FRONT, type JobRef, type Queue } from '#queue';
import { closeLostRuns } from './close-run.js';
import { countExpired, countRunning } from './count-moves.js';
import type { Failure } from './job.js';
import { ABANDON_EXPIRED, EXPIRE_JOBS } from './job-runs.sql.js';
import { columnsOf } from './ref-columns.js';
import type { Lease } from './run.js';
import { RunningJobsLimit } from './running-jobs-limit.js';

/** At most so many are dealt with in one sweep; the next comes soon. */
const SWEEP_LIMIT = 100;

const EXPIRED: Failure = {
  code: 'JOB_EXPIRED',
  message: 'The job waited in the queue until its expires_at had passed.',
};

/** A run that was taken from its worker, and what became of the job. */
export interface LostRun extends Lease {
  status: 'queued' | 'failed';
  traceId: string;
}

/** A job that waited past its time. */
export interface ExpiredJob extends JobRef {
  traceId: string;
}

/** What time ends: runs whose worker is gone, jobs that waited too long. Any process may look; the rows decide who wins. */
export class LostRuns {
  private readonly limit = new RunningJobsLimit();

  constructor(
    private readonly database: Database,
    private readonly queue: Queue,
    private readonly scope: Scope,
    /** A job that lost this many runs is taken for what ended its workers. */
    private readonly maxLostRuns: number,
  ) {}

  /** Takes runs whose lease has run out from their workers and queues their jobs again, at no attempt's cost. */
  async abandon(): Promise<LostRun[]> {
    const error: Failure = {
      code: 'POISON_JOB',
      message: `${String(this.maxLostRuns)} workers were gone before they had ended a run of this job.`,
    };
    return this.database.acrossTenants(this.scope, async (tx) => {
      const lost = await tx.query<LostRun & { priority: number; ranSeconds: number }>(ABANDON_EXPIRED, [
        SWEEP_LIMIT,
        this.maxLostRuns,
        JSON.stringify(error),
      ]);
      if (lost.length === 0) return [];
      await closeLostRuns(tx, [...columnsOf(lost), lost.map((lease) => lease.runId)]);
      for (const { status, priority, ranSeconds, ...ref } of lost) {
        countRunning(tx, status === 'failed' ? 'fail' : 'requeue', ranSeconds, null);
        if (status === 'queued') await this.queue.wake(tx, 'job.run', ref, { priority, turn: FRONT });
      }
      await this.limit.letIn(
        tx,
        lost.map(({ tenantId }) => tenantId),
      );
      return lost.map(({ priority: _priority, ranSeconds: _ranSeconds, ...run }) => run);
    });
  }

  /** Fails queued jobs whose time to wait is over. */
  async expire(): Promise<ExpiredJob[]> {
    return this.database.acrossTenants(this.scope, async (tx) => {
      const rows = await tx.query<ExpiredJob & { queuedSeconds: number }>(EXPIRE_JOBS, [
        SWEEP_LIMIT,
        JSON.stringify(EXPIRED),
      ]);
      const expired = rows.map(({ queuedSeconds, ...ref }) => {
        countExpired(tx, queuedSeconds);
        return ref;
      });
      await this.queue.forget(tx, expired);
      return expired;
    });
  }
}
