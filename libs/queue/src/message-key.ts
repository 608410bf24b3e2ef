import type { JobRef } from './queues.js';

/** What a message carries. */
export interface MessageBody {
  tenant_id: string;
  job_id: string;
  /** Where it stands in line among those of its priority; see `Turns`. Absent: it waits for its time, or for a turn. */
  turn?: number;
  priority?: number;
}

/** Ids may hold any character, so the parts are kept apart by JSON rather than by a sign of our own. */
export function messageKey(ref: JobRef): string {
  return JSON.stringify([ref.tenantId, ref.jobId]);
}

export function toBody(ref: JobRef, priority: number, turn: number | null): MessageBody {
  return { tenant_id: ref.tenantId, job_id: ref.jobId, priority, ...(turn === null ? {} : { turn }) };
}

export function toRef(body: MessageBody): JobRef {
  return { tenantId: body.tenant_id, jobId: body.job_id };
}

/** The order of the line; pg-boss answers what it fetched in none. Without a turn: last. */
export function byPlace(one: MessageBody, other: MessageBody): number {
  const byPriority = (other.priority ?? 0) - (one.priority ?? 0);
  return byPriority || (one.turn ?? Infinity) - (other.turn ?? Infinity) || 0;
}
