import { randomFillSync } from 'node:crypto';

/** A span as others name it: W3C Trace Context, level 1. */
export interface TraceContext {
  traceId: string;
  spanId: string;
  /** The lowest bit: its spans are recorded. */
  flags: number;
  /** What tracing systems told each other on the way, as it came; null when they told nothing. */
  state: string | null;
}

const SAMPLED = 1;
const MAX_STATE_CHARS = 512;

/**
 * The context in the headers `traceparent` and `tracestate`. Null when there is none or it is broken; a broken one is
 * ignored, as the standard asks.
 */
export function parseTraceContext(
  traceparent: string | undefined | null,
  tracestate?: string | null,
): TraceContext | null {
  const match = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(
    traceparent ?? '',
  );
  const [, version, traceId = '', spanId = '', flags = '', more] = match ?? [];
  // Version 00 ends here; what later ones add is theirs.
  if (version === '00' && more !== undefined) return null;
  if (!match || !isTraceId(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, flags: Number.parseInt(flags, 16), state: stateOf(tracestate) };
}

/** The context as a header. */
export function toTraceparent({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;
}

/** Whether whoever made the span records it. */
export function isSampled({ flags }: TraceContext): boolean {
  return (flags & SAMPLED) !== 0;
}

/** Legacy jobs have trace ids of any shape; only those of the standard can be continued. */
export function isTraceId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text);
}

export function newTraceId(): string {
  return randomHex(16);
}

export function newSpanId(): string {
  return randomHex(8);
}

/** Drawn ahead: every request needs ids, and asking the system for each costs more than all else that a trace does. */
const drawn = Buffer.alloc(4_096);
let used = drawn.length;

function randomHex(bytes: number): string {
  if (used + bytes > drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  used += bytes;
  return drawn.toString('hex', used - bytes, used);
}

/** Longer than systems must carry, or not printable: dropped whole, as the standard allows. */
function stateOf(tracestate: string | null | undefined): string | null {
  const state = tracestate?.trim() ?? '';
  return state !== '' && state.length <= MAX_STATE_CHARS && /^[\x20-\x7e]+$/.test(state) ? state : null;
}
