import { record } from '#audit';
import { type Actor, type Database, isBusy, type Scope, type TenantScope, type Tx } from '#database';
import type { Queue } from '#queue';
import type { Job } from '../job.js';
import { type JobSort, placeOf, type Place } from '../lists/job-filter.js';
import { JobLists } from '../lists/job-lists.js';
import { frozenFilter } from './frozen-filter.js';
import { TaskMoves } from './task-moves.js';
import { type Task, TASK_BATCH_FAILED, type TaskFailure } from './task.js';

const BATCH = 100;
/** Of one round, over all tenants. */
const MAX_OPEN = 100;
const MAX_FAILURES = 100;
/** With the pauses between them about two minutes: what mends itself has done so by then. */
const MAX_FAILED_BATCHES = 8;
/** After the first failure; each one more doubles it. */
const PAUSE_SECONDS = 1;
const KEEP_DAYS = 30;
/** What waits longest goes first. */
const OLDEST_FIRST: JobSort = { by: 'created_at', descending: false };

/** Those whose batch has failed rest for a while. */
const FIND_OPEN = `
  SELECT tenant_id, task_id, reason, actor_kind, actor_id, request_id, failed_batches FROM task
  WHERE ended_at IS NULL
    AND (failed_batches = 0 OR seen_at < clock_timestamp() - make_interval(secs => $2 * 2 ^ (failed_batches - 1)))
  ORDER BY seen_at NULLS FIRST, created_at
  LIMIT $1`;

/** None when another worker has it or had it and failed, or it has ended. */
const LOCK_TASK = `
  SELECT * FROM task WHERE tenant_id = $1 AND task_id = $2 AND ended_at IS NULL AND failed_batches <= $3
  FOR UPDATE SKIP LOCKED`;

const KEEP_PROGRESS = `
  UPDATE task
  SET status = CASE WHEN $3 THEN 'done' ELSE 'running' END,
    ended_at = CASE WHEN $3 THEN clock_timestamp() END,
    started_at = coalesce(started_at, clock_timestamp()), seen_at = clock_timestamp(), place = $4,
    moved_jobs = moved_jobs + $5, refused_jobs = refused_jobs + $6, failures = $7, failed_batches = 0
  WHERE tenant_id = $1 AND task_id = $2
  RETURNING *`;

/** Of two workers that fail at once, one is counted. With an error the task ends. */
const COUNT_FAILED = `
  UPDATE task
  SET failed_batches = $4, seen_at = clock_timestamp(), started_at = coalesce(started_at, clock_timestamp()),
    status = CASE WHEN $5::jsonb IS NULL THEN 'running' ELSE 'failed' END,
    ended_at = CASE WHEN $5::jsonb IS NOT NULL THEN clock_timestamp() END, error = $5
  WHERE tenant_id = $1 AND task_id = $2 AND ended_at IS NULL AND failed_batches = $3
  RETURNING *`;

const DELETE_OLD = `DELETE FROM task WHERE ended_at < clock_timestamp() - make_interval(days => $1) RETURNING 1 AS gone`;

type OpenTask = Pick<
  Task,
  'tenant_id' | 'task_id' | 'reason' | 'actor_kind' | 'actor_id' | 'request_id' | 'failed_batches'
>;

/** A batch that was carried out, or has failed. */
export interface TaskProgress {
  task: Task;
  /** Whether the walk went on: false where the tenant's queue is full. */
  isOn: boolean;
  /** What the batch failed of; null where it did not. */
  fault: Error | null;
}

export interface TaskRoundOptions {
  /** So many jobs at a time. */
  batch?: number;
  /** How long a task rests whose batch has failed once. */
  pauseSeconds?: number;
}

/**
 * The workers' side of tasks. A batch and the place that it has reached are one transaction: whoever goes on after a crash
 * begins right behind it. Any worker may do the next batch; one at a time does.
 */
export class TaskRounds {
  private readonly lists: JobLists;
  private readonly moves: TaskMoves;
  private readonly batch: number;
  private readonly pauseSeconds: number;

  constructor(
    private readonly database: Database,
    queue: Queue,
    private readonly scope: Scope,
    { batch = BATCH, pauseSeconds = PAUSE_SECONDS }: TaskRoundOptions = {},
  ) {
    this.batch = batch;
    this.pauseSeconds = pauseSeconds;
    this.lists = new JobLists(database);
    this.moves = new TaskMoves(queue);
  }

  /** One batch of each open task, those first that waited longest. One that fails holds up no other. */
  async *round(): AsyncGenerator<TaskProgress> {
    const open = await this.database.acrossTenants(this.scope, (tx) =>
      tx.query<OpenTask & Record<string, unknown>>(FIND_OPEN, [MAX_OPEN, this.pauseSeconds]),
    );
    for (const task of open) {
      const progress = await this.tryStep(task);
      if (progress) yield progress;
    }
  }

  /** Tasks that ended long ago; what they did is on the audit. */
  async forgetOld(): Promise<number> {
    const gone = await this.database.acrossTenants(this.scope, (tx) => tx.query(DELETE_OLD, [KEEP_DAYS]));
    return gone.length;
  }

  private async tryStep(open: OpenTask): Promise<TaskProgress | null> {
    const scope = this.scopeOf(open);
    try {
      return await this.database.transaction(scope, (tx) => this.step(tx, open));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const task = await this.database
        .transaction(scope, (tx) => this.countFailed(tx, open, error))
        // The database is away: that says nothing of the task.
        .catch(() => Promise.reject(error));
      return task && { task, isOn: false, fault: error };
    }
  }

  /** Whoever holds the rows lets go of them in the end: no task fails of that. */
  private async countFailed(tx: Tx, open: OpenTask, error: Error): Promise<Task | null> {
    const { tenant_id, task_id, failed_batches: before } = open;
    const isOver = !isBusy(error) && before + 1 >= MAX_FAILED_BATCHES;
    const after = isOver ? MAX_FAILED_BATCHES : Math.min(before + 1, MAX_FAILED_BATCHES - 1);
    const end = isOver ? JSON.stringify(TASK_BATCH_FAILED) : null;
    const values = [tenant_id, task_id, before, after, end];
    const [task] = await tx.query<Task & Record<string, unknown>>(COUNT_FAILED, values);
    if (task && isOver) await this.tellEnd(tx, 'task.failed', task);
    return task ?? null;
  }

  private async step(
    tx: Tx,
    { tenant_id: tenantId, task_id: taskId, failed_batches: failedBatches }: OpenTask,
  ): Promise<TaskProgress | null> {
    const values = [tenantId, taskId, failedBatches];
    const [task] = await tx.query<Task & Record<string, unknown>>(LOCK_TASK, values);
    if (!task) return null;
    const { jobs, next } = await this.read(tx, task);
    // What failed after the task began is another failure than the one that was meant; what was erased is over.
    const meant = jobs.filter(
      (job) =>
        job.erased_at === null && (task.move !== 'retry' || isBefore(job.finished_at, task.created_at)),
    );
    await tx.describe('job.changed', { task_id: taskId });
    const { moved, seen } = await this.moves.move(tx, tenantId, task.move, meant);
    const failures = failuresOf(meant.slice(0, seen), moved);
    const isWhole = seen === meant.length;
    const last = meant[seen - 1];
    const reached = isWhole ? next : last ? placeOf(last, OLDEST_FIRST) : task.place;
    const isDone = isWhole && next === null;
    const [kept] = await tx.query<Task & Record<string, unknown>>(KEEP_PROGRESS, [
      tenantId,
      taskId,
      isDone,
      reached === null ? null : JSON.stringify(reached),
      moved.length,
      failures.length,
      JSON.stringify([...task.failures, ...failures].slice(0, MAX_FAILURES)),
    ]);
    if (!kept) throw new Error('a task that is locked is gone');
    if (isDone) await this.tellEnd(tx, 'task.done', kept);
    return { task: kept, isOn: isWhole || seen > 0, fault: null };
  }

  private async read(tx: Tx, task: Task): Promise<{ jobs: Job[]; next: Place | null }> {
    const filter = frozenFilter(task);
    if (filter.statuses?.length === 0) return { jobs: [], next: null };
    const options = { sort: OLDEST_FIRST, limit: this.batch, after: task.place };
    const { jobs, stoppedAt } = await this.lists.readIn(tx, task.tenant_id, filter, options);
    const last = jobs.length === this.batch ? jobs.at(-1) : undefined;
    return { jobs, next: last ? placeOf(last, OLDEST_FIRST) : stoppedAt };
  }

  private async tellEnd(tx: Tx, action: 'task.done' | 'task.failed', task: Task): Promise<void> {
    const { task_id, moved_jobs, refused_jobs, error } = task;
    const code = error && { code: error.code };
    const metadata = { moved_jobs, refused_jobs, ...code };
    await record(tx, { action, resourceType: 'task', resourceId: task_id, metadata });
  }

  /** Who asked for the task acts, with their reason, through this program. */
  private scopeOf({ tenant_id, reason, actor_kind, actor_id, request_id }: OpenTask): TenantScope {
    // Written from an Actor, and by nobody else.
    const actor = { kind: actor_kind as Actor['kind'], id: actor_id };
    const requestId = request_id === null ? {} : { requestId: request_id };
    return { ...this.scope, tenantId: tenant_id, actor, reason, ...requestId };
  }
}

function isBefore(instant: string | null, other: string): boolean {
  return instant !== null && instant < other;
}

/** Somebody else was faster with these. */
function failuresOf(jobs: readonly Job[], moved: readonly Job[]): TaskFailure[] {
  const done = new Set(moved.map(({ job_id }) => job_id));
  return jobs
    .filter(({ job_id }) => !done.has(job_id))
    .map(({ job_id }) => ({ job_id, code: 'JOB_ILLEGAL_TRANSITION' }));
}
