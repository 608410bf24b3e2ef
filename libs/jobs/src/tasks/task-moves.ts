import type { Tx } from '#database';
import type { Queue } from '#queue';
import { JobSets } from '../batches/job-sets.js';
import { announceEnd, closeRun } from '../close-run.js';
import { type Job, refOf, traceOf } from '../job.js';
import { FRESH_START } from '../job-lifecycle.js';
import { takeQueueRoom } from '../queued-jobs-limit.js';
import { RunningJobsLimit } from '../running-jobs-limit.js';
import type { TaskMove } from './task.js';

/** What became of a batch of jobs. */
export interface MovedBatch {
  moved: readonly Job[];
  /** So many of the batch were looked at, from its first; the others have to wait. */
  seen: number;
}

/** The moves of a task, each over a batch of jobs: what happens to each is what happens when a client asks for it alone. */
export class TaskMoves {
  private readonly sets = new JobSets();
  private readonly limit = new RunningJobsLimit();

  constructor(private readonly queue: Queue) {}

  async move(tx: Tx, tenantId: string, move: TaskMove, jobs: readonly Job[]): Promise<MovedBatch> {
    return move === 'cancel' ? this.cancel(tx, tenantId, jobs) : this.retry(tx, tenantId, jobs);
  }

  private async cancel(tx: Tx, tenantId: string, jobs: readonly Job[]): Promise<MovedBatch> {
    const moved = await this.sets.move(tx, tenantId, 'cancel', {
      rows: rowsOf(jobs),
      sets: ['draft_task = NULL'],
    });
    await this.queue.forget(tx, moved.map(refOf));
    const ran = moved.flatMap((job) => (job.run_id === null ? [] : [{ ref: refOf(job), runId: job.run_id }]));
    for (const { ref, runId } of ran) {
      await closeRun(tx, ref, runId, { outcome: 'cancelled', error: null });
      await announceEnd(tx, runId);
    }
    if (ran.length > 0) await this.limit.letIn(tx, [tenantId]);
    return { moved, seen: jobs.length };
  }

  /** As many as the tenant may have in the queue; the others wait until there is room. */
  private async retry(tx: Tx, tenantId: string, jobs: readonly Job[]): Promise<MovedBatch> {
    const room = jobs.length > 0 ? await takeQueueRoom(tx, tenantId) : null;
    const seen = room ? Math.min(jobs.length, Math.max(0, room.limit - room.current)) : jobs.length;
    const moved = await this.sets.move(tx, tenantId, 'retry', {
      rows: rowsOf(jobs.slice(0, seen)),
      sets: Object.entries(FRESH_START).map(([column, value]) => `${column} = ${String(value ?? 'NULL')}`),
    });
    const wishes = moved.map((job) => ({ ...refOf(job), priority: job.priority, trace: traceOf(job) }));
    await this.queue.wakeAll(tx, 'job.run', wishes);
    return { moved, seen };
  }
}

function rowsOf(jobs: readonly Job[]): { job_id: string }[] {
  return jobs.map(({ job_id }) => ({ job_id }));
}
