import { type CarriedTrace, continuingHere, messagingAttributes, type SpanOptions } from '#observability';
import type { JobRef, QueueName } from './queues.js';

/** The span of a sending: in the job's own trace, whoever sends. */
export function sending(
  name: QueueName,
  { tenantId, jobId }: JobRef,
  trace: CarriedTrace | null | undefined,
): SpanOptions {
  const ids = { 'ss.tenant_id': tenantId, 'ss.job_id': jobId };
  return {
    ...continuingHere(trace),
    kind: 'producer',
    attributes: { ...messagingAttributes(name, 'send'), ...ids },
  };
}
