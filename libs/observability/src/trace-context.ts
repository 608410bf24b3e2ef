import { randomBytes } from 'node:crypto';

/**
 * The trace id of a W3C `traceparent` header (Trace Context, level 1): 32 hex digits, not all zero. Null when the
 * header is absent or broken; a broken one is ignored, as the standard asks.
 */
export function traceIdOf(traceparent: string | undefined): string | null {
  const match = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(
    traceparent ?? '',
  );
  const [, version, traceId = '', parentId = '', more] = match ?? [];
  // Version 00 ends here; what later ones add is theirs.
  if (version === '00' && more !== undefined) return null;
  return match && !/^0+$/.test(traceId) && !/^0+$/.test(parentId) ? traceId : null;
}

export function newTraceId(): string {
  return randomBytes(16).toString('hex');
}
