import type { Instant } from '#database';
import { type JobStatus, moves } from '../job-moves.js';
import type { JobFilter } from '../lists/job-filter.js';
import type { Task, TaskMove } from './task.js';

/** The statuses of the filter from which the move is possible. */
export function statusesOf(move: TaskMove, { statuses }: JobFilter): JobStatus[] {
  const from: readonly JobStatus[] = moves[move].from;
  return from.filter((status) => !statuses || statuses.includes(status));
}

/** The filter of the task for jobs as they were when it began: none that was made since. */
export function frozenFilter({ move, filter, created_at: frozenAt }: Task): JobFilter {
  return {
    ...filter,
    statuses: statusesOf(move, filter),
    createdUntil: earlier(filter.createdUntil, frozenAt),
  };
}

function earlier(asked: Instant | undefined, frozenAt: Instant): Instant {
  return asked !== undefined && Date.parse(asked) < Date.parse(frozenAt) ? asked : frozenAt;
}
