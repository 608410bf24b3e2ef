import { record } from '#audit';
import type { Database, TenantScope, Tx } from '#database';
import { type RepeatableScope, transactOnce } from '#tenancy';
import { randomUUID } from 'node:crypto';
import type { JobLists, Total } from '../lists/job-lists.js';
import type { JobFilter } from '../lists/job-filter.js';
import { statusesOf } from './frozen-filter.js';
import { type Task, TaskEnded, type TaskMove, TaskNotFound } from './task.js';

const INSERT_TASK = `
  INSERT INTO task (tenant_id, task_id, move, filter, reason, actor_kind, actor_id, request_id)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
  RETURNING *`;

const FIND_TASK = 'SELECT * FROM task WHERE tenant_id = $1 AND task_id = $2';

/** Waits for the batch that is under way; there is none after it. */
const CANCEL_TASK = `
  UPDATE task SET status = 'cancelled', ended_at = clock_timestamp()
  WHERE tenant_id = $1 AND task_id = $2 AND ended_at IS NULL
  RETURNING *`;

/** So many of the jobs a preview names. */
const EXAMPLES = 20;

/** What a task would do. */
export interface Preview {
  jobs: Total;
  /** The first of them. */
  examples: string[];
}

/** Tasks as those see them who ask for one: begun for a reason, read, cancelled. Workers carry them out: {@link TaskRounds}. */
export class JobTasks {
  constructor(
    private readonly database: Database,
    private readonly lists: JobLists,
  ) {}

  /** The filter is frozen now: jobs that are made later are not touched. */
  async begin(scope: RepeatableScope & { reason: string }, move: TaskMove, filter: JobFilter): Promise<Task> {
    const { tenantId, actor, reason, requestId } = scope;
    return transactOnce(this.database, scope, async (tx) => {
      const values = [move, JSON.stringify(filter), reason, actor.kind, actor.id, requestId ?? null];
      const [task] = await tx.query<Task & Record<string, unknown>>(INSERT_TASK, [
        tenantId,
        randomUUID(),
        ...values,
      ]);
      if (!task) throw new Error('INSERT … RETURNING gave no row');
      const act = { action: 'task.begun', resourceType: 'task', resourceId: task.task_id };
      await record(tx, { ...act, metadata: { move, conditions: namesOf(filter) } });
      return task;
    });
  }

  /** What a task would meet, if it was begun now. */
  async preview(scope: TenantScope, move: TaskMove, filter: JobFilter): Promise<Preview> {
    const narrowed = { ...filter, statuses: statusesOf(move, filter) };
    if (narrowed.statuses.length === 0) return { jobs: { value: 0, relation: 'exact' }, examples: [] };
    const jobs = await this.lists.total(scope, narrowed);
    const { jobs: some } = await this.lists.read(scope, narrowed, { limit: EXAMPLES });
    return { jobs, examples: some.map((job) => job.job_id) };
  }

  async get(scope: TenantScope, taskId: string): Promise<Task> {
    return this.database.transaction(scope, (tx) => getTask(tx, scope.tenantId, taskId));
  }

  /** What it has done stays done; it does no more. */
  async cancel(scope: RepeatableScope & { reason: string }, taskId: string): Promise<Task> {
    return transactOnce(this.database, scope, async (tx) => {
      const [cancelled] = await tx.query<Task & Record<string, unknown>>(CANCEL_TASK, [
        scope.tenantId,
        taskId,
      ]);
      if (!cancelled) throw new TaskEnded(await getTask(tx, scope.tenantId, taskId));
      const { moved_jobs, refused_jobs } = cancelled;
      const act = { action: 'task.cancelled', resourceType: 'task', resourceId: taskId };
      await record(tx, { ...act, metadata: { moved_jobs, refused_jobs } });
      return cancelled;
    });
  }
}

async function getTask(tx: Tx, tenantId: string, taskId: string): Promise<Task> {
  const [task] = await tx.query<Task & Record<string, unknown>>(FIND_TASK, [tenantId, taskId]);
  if (!task) throw new TaskNotFound(taskId);
  return task;
}

/** Which conditions the filter has; what they say may be data, and the audit is for ever. */
function namesOf(filter: JobFilter): string[] {
  return Object.keys(filter).filter((name) => filter[name as keyof JobFilter] !== undefined);
}
