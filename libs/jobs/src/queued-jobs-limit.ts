import type { Tx } from '#database';
import { QueuedJobsExceeded } from '#tenancy';

const QUEUED_JOBS_PAST_LIMIT = `
  SELECT may_have AS "limit", others AS current FROM queued_jobs_past_limit($1)`;

/** Throws when the job that this transaction has just queued is one more than the tenant may have in the queue. */
export async function assertQueuedJobsFit(tx: Tx, tenantId: string): Promise<void> {
  const [past] = await tx.query<{ limit: number; current: number }>(QUEUED_JOBS_PAST_LIMIT, [tenantId]);
  if (past) throw new QueuedJobsExceeded(past.limit, past.current);
}

const QUEUED_JOBS_ROOM = 'SELECT may_have AS "limit", waiting AS current FROM queued_jobs_room($1)';

/** What a tenant may have in the queue and has; null: no limit. */
export interface QueueRoom {
  limit: number;
  current: number;
}

/** For a transaction that is about to queue many jobs: until it ends, nobody else queues any of this tenant past its limit. */
export async function takeQueueRoom(tx: Tx, tenantId: string): Promise<QueueRoom | null> {
  const [room] = await tx.query<QueueRoom & Record<string, unknown>>(QUEUED_JOBS_ROOM, [tenantId]);
  return room ?? null;
}
