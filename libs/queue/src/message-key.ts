import type { CarriedTrace } from '#observability';
import type { JobRef } from './queues.js';

/** What a message carries. */
export interface MessageBody {
  tenant_id: string;
  job_id: string;
  /** Where it stands in line among those of its priority; see `Turns`. Absent: it waits for its time, or for a turn. */
  turn?: number;
  priority?: number;
  /** Absent: the row alone tells the job's trace. */
  trace?: CarriedTrace;
}

/** A message that was taken: the job, and the trace that it carried. */
export interface TakenMessage extends JobRef {
  trace?: CarriedTrace;
}

/** Ids may hold any character, so the parts are kept apart by JSON rather than by a sign of our own. */
export function messageKey(ref: JobRef): string {
  return JSON.stringify([ref.tenantId, ref.jobId]);
}

export function toBody(
  ref: JobRef,
  { priority, turn, trace }: { priority: number; turn: number | null; trace: CarriedTrace | null },
): MessageBody {
  return {
    tenant_id: ref.tenantId,
    job_id: ref.jobId,
    priority,
    ...(turn === null ? {} : { turn }),
    ...(trace === null ? {} : { trace }),
  };
}

export function toRef(body: MessageBody): JobRef {
  return { tenantId: body.tenant_id, jobId: body.job_id };
}

export function toTaken({ trace, ...body }: MessageBody): TakenMessage {
  return { ...toRef(body), ...(trace === undefined ? {} : { trace }) };
}

/** The order of the line; pg-boss answers what it fetched in none. Without a turn: last. */
export function byPlace(one: MessageBody, other: MessageBody): number {
  const byPriority = (other.priority ?? 0) - (one.priority ?? 0);
  return byPriority || (one.turn ?? Infinity) - (other.turn ?? Infinity) || 0;
}
