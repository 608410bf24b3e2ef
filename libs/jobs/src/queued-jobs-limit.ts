import type { Tx } from '#database';
import { QueuedJobsExceeded } from '#tenancy';

const QUEUED_JOBS_PAST_LIMIT = `
  SELECT may_have AS "limit", others AS current FROM queued_jobs_past_limit($1)`;

/** Throws when the job that this transaction has just queued is one more than the tenant may have in the queue. */
export async function assertQueuedJobsFit(tx: Tx, tenantId: string): Promise<void> {
  const [past] = await tx.query<{ limit: number; current: number }>(QUEUED_JOBS_PAST_LIMIT, [tenantId]);
  if (past) throw new QueuedJobsExceeded(past.limit, past.current);
}
