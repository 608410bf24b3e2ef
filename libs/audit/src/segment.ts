import { createHash } from 'node:crypto';

/** A stretch of the audit, sealed: a digest of each row, and the hash that chains it to the stretch before. */
export interface Segment {
  segmentNo: number;
  afterEventId: number;
  toEventId: number;
  rowCount: number;
  rowDigests: Buffer;
  previousHash: Buffer;
  segmentHash: Buffer;
}

/** What the first segment has for the hash of the one before it. */
export const NO_SEGMENT = Buffer.alloc(32);

/** SHA-256 over the numbers as one line of JSON, the hash of the segment before, and the digests of the rows. */
export function segmentHash(segment: Omit<Segment, 'segmentHash'>): Buffer {
  const { segmentNo, afterEventId, toEventId, rowCount } = segment;
  return createHash('sha256')
    .update(`${JSON.stringify(['ss-audit-segment', 1, segmentNo, afterEventId, toEventId, rowCount])}\n`)
    .update(segment.previousHash)
    .update(segment.rowDigests)
    .digest();
}
