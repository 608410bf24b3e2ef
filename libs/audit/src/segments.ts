import type { Tx } from '#database';
import type { Segment } from './segment.js';

const COLUMNS = `segment_no AS "segmentNo", after_event_id AS "afterEventId", to_event_id AS "toEventId",
  row_count AS "rowCount", row_digests AS "rowDigests", previous_hash AS "previousHash",
  segment_hash AS "segmentHash"`;

const FIND_LAST = `SELECT ${COLUMNS} FROM audit_segment ORDER BY segment_no DESC LIMIT 1`;
const LIST_FROM = `SELECT ${COLUMNS} FROM audit_segment WHERE segment_no >= $1 ORDER BY segment_no LIMIT $2`;

const INSERT_SEGMENT = `
  INSERT INTO audit_segment (
    segment_no, after_event_id, to_event_id, row_count, row_digests, previous_hash, segment_hash
  )
  VALUES ($1, $2, $3, $4, $5, $6, $7)`;

/** The rows of `audit_segment`. */
export class Segments {
  async findLast(tx: Tx): Promise<Segment | null> {
    const [row] = await tx.query<Segment & Record<string, unknown>>(FIND_LAST);
    return row ?? null;
  }

  /** The first segments whose numbers are not lower, in their order. */
  async listFrom(tx: Tx, segmentNo: number, limit: number): Promise<Segment[]> {
    return tx.query<Segment & Record<string, unknown>>(LIST_FROM, [segmentNo, limit]);
  }

  async insert(tx: Tx, segment: Segment): Promise<void> {
    await tx.query(INSERT_SEGMENT, [
      segment.segmentNo,
      segment.afterEventId,
      segment.toEventId,
      segment.rowCount,
      segment.rowDigests,
      segment.previousHash,
      segment.segmentHash,
    ]);
  }
}
