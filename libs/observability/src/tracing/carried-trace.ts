import {
  isSampled,
  isTraceId,
  parseTraceContext,
  toTraceparent,
  type TraceContext,
} from '../trace-context.js';
import { openTrace, type SpanOptions } from './spans.js';

/** The trace of a job on its way: on the row, and in the messages of the queue. */
export interface CarriedTrace {
  /** The job's own, from its first request on. */
  trace_id: string;
  /** The span that what comes next continues. Absent: nobody has recorded one. */
  traceparent?: string;
  tracestate?: string;
  /** When that span was told, in milliseconds since 1970, by the clock of who told it. */
  at?: number;
}

/**
 * What comes within this time is a child of the span before it; what comes later only links to it. Collectors that choose
 * whole traces wait for minutes, and in the picture of a trace that lasts a night nothing can be told apart; an hour is
 * longer than any queue in order is, and shorter than `run_after` and a stop over night.
 */
const NEAR_MS = 60 * 60_000;

/** Where a span belongs that continues what was carried: always in the job's own trace. */
export function continuing(
  carried: CarriedTrace | null | undefined,
  now = Date.now(),
): Required<Pick<SpanOptions, 'place' | 'links'>> {
  if (!carried) return { place: 'new', links: [] };
  const before = parseTraceContext(carried.traceparent, carried.tracestate);
  if (!before)
    return { place: isTraceId(carried.trace_id) ? { traceId: carried.trace_id } : 'new', links: [] };
  const isNear = carried.at === undefined || now - carried.at <= NEAR_MS;
  // A span without a parent would be asked about sampling anew; that nothing is recorded was decided already.
  if (isNear || !isSampled(before)) return { place: before, links: [] };
  return { place: { traceId: before.traceId }, links: [before] };
}

/**
 * Where a span belongs that is made here for a job: below the span that is open, if that is in the job's trace. Else, as
 * when a job is confirmed by a request with a trace of its own, it continues the job's, and links to what is open.
 */
export function continuingHere(carried: CarriedTrace | null | undefined): SpanOptions {
  const open = openTrace();
  if (!open || !carried || open.traceId === carried.trace_id) return {};
  const { place, links } = continuing(carried);
  return { place, links: [...links, open] };
}

/** What to carry on from a span; without one, what was carried so far. */
export function carryOn(
  span: TraceContext | null,
  carried: CarriedTrace | null | undefined,
): CarriedTrace | null {
  if (!span) return carried ?? null;
  return {
    trace_id: carried?.trace_id ?? span.traceId,
    traceparent: toTraceparent(span),
    ...(span.state === null ? {} : { tracestate: span.state }),
    at: Date.now(),
  };
}
