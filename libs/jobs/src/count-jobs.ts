import type { Tx } from '#database';
import { JOB_STATUSES, type JobStatus } from './job-moves.js';

/** One pass over all jobs; over the index job_newest_first_by_status alone, where that is much smaller than the rows. */
const COUNT_JOBS = 'SELECT status, count(*)::float8 AS count FROM job GROUP BY status';

/** How many jobs of all tenants stand in each status. */
export async function countJobs(tx: Tx): Promise<Record<JobStatus, number>> {
  const rows = await tx.query<{ status: JobStatus; count: number }>(COUNT_JOBS);
  const counted = new Map(rows.map(({ status, count }) => [status, count]));
  // Each of them is a status, and all of them are there.
  return Object.fromEntries(JOB_STATUSES.map((status) => [status, counted.get(status) ?? 0])) as Record<
    JobStatus,
    number
  >;
}
