import { newSpanId, newTraceId } from '../trace-context.js';

let wanted: string | null = null;

/** Starts a span that has no parent and yet belongs to a trace that is known: that of a job. */
export function startInTrace<T>(traceId: string | null, start: () => T): T {
  // Nothing else runs meanwhile: starting a span waits for nobody.
  wanted = traceId;
  try {
    return start();
  } finally {
    wanted = null;
  }
}

/** Where the SDK gets its ids from. */
export const traceIds = {
  generateTraceId: (): string => wanted ?? newTraceId(),
  generateSpanId: newSpanId,
} as const;
