import { continuing, messagingAttributes, openSpan, parseTraceContext } from '#observability';
import type { TakenMessage } from '#queue';
import type { ClaimedRun } from './run.js';

/** What the runs continue: the message was sent after the row was written, so its span is nearer. */
export function withMessageTraces(
  claimed: readonly ClaimedRun[],
  messages: readonly TakenMessage[],
): ClaimedRun[] {
  const told = messages.filter(({ trace }) => trace?.traceparent !== undefined);
  return claimed.map((run) => {
    const message = told.find(({ tenantId, jobId }) => tenantId === run.tenantId && jobId === run.jobId);
    return message?.trace ? { ...run, trace: message.trace } : run;
  });
}

/**
 * The span of a claim, told when it has found something: looks that find nothing come every second. That of a single job
 * is in its trace; that of several belongs to as many traces, so it has one of its own and links to each.
 */
export function tellClaim(claimed: readonly ClaimedRun[], startedAt: Date): void {
  const [first, ...others] = claimed;
  if (!first) return;
  const { place, links } =
    others.length === 0 ? continuing(first.trace) : { place: 'new' as const, links: contextsOf(claimed) };
  const attributes = {
    ...messagingAttributes('job.run', 'receive'),
    'messaging.batch.message_count': claimed.length,
  };
  openSpan('receive job.run', { kind: 'client', place, links, startedAt, attributes }).end();
}

function contextsOf(claimed: readonly ClaimedRun[]): NonNullable<ReturnType<typeof parseTraceContext>>[] {
  return claimed.flatMap(({ trace }) => parseTraceContext(trace.traceparent, trace.tracestate) ?? []);
}
