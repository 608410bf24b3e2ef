import type { Instant } from '#database';
import type { Job } from '../job.js';
import type { JobStatus } from '../job-moves.js';

/** Which jobs: those that fit everything that is said. */
export interface JobFilter {
  statuses?: readonly JobStatus[] | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
  /** Words that all have to stand in the beginning of the requirement. */
  text?: string | undefined;
  /** From this instant on. */
  createdSince?: Instant | undefined;
  /** Before this instant. */
  createdUntil?: Instant | undefined;
  updatedSince?: Instant | undefined;
  updatedUntil?: Instant | undefined;
}

/** The columns that an order goes by, the last of which tells two jobs apart. Each has an index of these columns. */
export const JOB_ORDERS = {
  created_at: ['created_at', 'job_id'],
  updated_at: ['updated_at', 'job_id'],
  priority: ['priority', 'created_at', 'job_id'],
} as const satisfies Record<string, readonly (keyof Job)[]>;
export type JobOrder = keyof typeof JOB_ORDERS;

export interface JobSort {
  by: JobOrder;
  descending: boolean;
}

export const NEWEST_FIRST: JobSort = { by: 'created_at', descending: true };

/** Where a job stands in a list: its columns of the order, as texts. */
export type Place = readonly string[];

export function placeOf(job: Job, { by }: JobSort): Place {
  return JOB_ORDERS[by].map((column) => String(job[column]));
}
