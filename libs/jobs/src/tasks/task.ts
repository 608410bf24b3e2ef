import type { Instant } from '#database';
import { DomainError } from '#observability';
import type { Failure } from '../job.js';
import type { JobFilter, Place } from '../lists/job-filter.js';

/** What a task can do with many jobs. */
export const TASK_MOVES = ['cancel', 'retry'] as const;
export type TaskMove = (typeof TASK_MOVES)[number];

export const TASK_STATUSES = ['pending', 'running', 'done', 'failed', 'cancelled'] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** A job that a task could not move. */
export interface TaskFailure {
  job_id: string;
  code: string;
}

/** Why a task failed. */
export const TASK_BATCH_FAILED = {
  code: 'TASK_BATCH_FAILED',
  message:
    'A batch of jobs could not be moved, however often it was tried. What was moved before stays moved.',
} as const;
export type TaskError = Pick<Failure, 'code' | 'message'>;

/** A move of all jobs that fit a filter, as its row has it. */
export interface Task {
  tenant_id: string;
  task_id: string;
  move: TaskMove;
  filter: JobFilter;
  reason: string;
  actor_kind: string;
  actor_id: string;
  request_id: string | null;
  status: TaskStatus;
  created_at: Instant;
  started_at: Instant | null;
  seen_at: Instant | null;
  ended_at: Instant | null;
  place: Place | null;
  moved_jobs: number;
  refused_jobs: number;
  failures: TaskFailure[];
  /** So many batches have failed since one was carried out. */
  failed_batches: number;
  error: TaskError | null;
}

export class TaskNotFound extends DomainError {
  constructor(taskId: string) {
    super('TASK_NOT_FOUND', 'There is no such task.', { task_id: taskId });
  }
}

export class TaskEnded extends DomainError {
  constructor({ task_id, status }: Task) {
    super('TASK_ENDED', `The task has ended: it is ${status}.`, { task_id, status });
  }
}
