import type { Database, Scope, Tx } from '#database';
import { type AuditMonth, boundsOf } from './audit-month.js';
import { AuditMonthDiffers, AuditMonthNotFound, AuditMonthOpen, AuditMonthUnsealed } from './audit-refusals.js';
import type { RetiredRows } from './retirement.js';
import { RetirementProof } from './retirement-proof.js';
import { digestOf, digestsBetween, digestsWithout, sealedTextsBetween } from './row-digests.js';
import type { Segment } from './segment.js';
import { Segments } from './segments.js';

/** How much there is of a month, before it is read. */
export interface MonthSize {
  rows: number;
  firstEventId: number | null;
  lastEventId: number | null;
}

/** The rows of the month that one segment holds; none, where the segment lies between others that hold some. */
export interface MonthPart {
  segment: Segment;
  /** What their digests are made of, in their order. */
  texts: string[];
  digests: Buffer;
  /** The segment holds rows of this month alone. */
  isWhole: boolean;
}

const FIND_MONTH = `
  SELECT to_regclass('public.audit_event_' || replace($1, '-', '_')) IS NOT NULL AS "isThere",
    clock_timestamp() >= $2::timestamptz AS "isOver"`;

const MEASURE = `
  SELECT count(*) AS rows, min(event_id) AS "firstEventId", max(event_id) AS "lastEventId"
  FROM audit_event
  WHERE occurred_at >= $1 AND occurred_at < $2`;

const FIRST_SEGMENT = `
  SELECT segment_no AS "segmentNo" FROM audit_segment WHERE to_event_id >= $1 ORDER BY segment_no LIMIT 1`;

/** Walks through a month of the audit, segment by segment, and compares each row with its seal. Changes nothing. */
export class MonthWalk {
  private readonly segments = new Segments();

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
  ) {}

  /** Throws `AUDIT_MONTH_NOT_FOUND` for a month that was dropped, or never was, and `AUDIT_MONTH_OPEN` for one that goes on. */
  async measure(month: AuditMonth): Promise<MonthSize> {
    const { from, to } = boundsOf(month);
    return this.read(async (tx) => {
      const [found] = await tx.query<{ isThere: boolean; isOver: boolean }>(FIND_MONTH, [month, to]);
      if (!found?.isThere) throw new AuditMonthNotFound(month);
      if (!found.isOver) throw new AuditMonthOpen(month);
      const [size] = await tx.query<MonthSize & Record<string, unknown>>(MEASURE, [from, to]);
      return size ?? { rows: 0, firstEventId: null, lastEventId: null };
    });
  }

  /**
   * The parts of the month, in the order of their segments; no more than one is in memory. Throws `AUDIT_MONTH_UNSEALED`
   * when not all rows are sealed, `AUDIT_MONTH_DIFFERS` at the first segment that they do not agree with, and the reason
   * of the signal between two segments.
   */
  async *parts(month: AuditMonth, size: MonthSize, signal?: AbortSignal): AsyncGenerator<MonthPart> {
    const { firstEventId, lastEventId } = size;
    if (firstEventId === null || lastEventId === null) return;
    let segmentNo = await this.firstSegment(month, firstEventId);
    let rows = 0;
    for (let isLast = false; !isLast; segmentNo += 1) {
      signal?.throwIfAborted();
      const part = await this.part(month, segmentNo);
      rows += part.texts.length;
      isLast = part.segment.toEventId >= lastEventId;
      yield part;
    }
    if (rows !== size.rows) throw new AuditMonthDiffers(month, segmentNo - 1);
  }

  private async part(month: AuditMonth, segmentNo: number): Promise<MonthPart> {
    return this.read(async (tx) => {
      const [segment] = await this.segments.listFrom(tx, segmentNo, 1);
      if (segment?.segmentNo !== segmentNo) throw new AuditMonthUnsealed(month);
      const texts = await sealedTextsBetween(tx, segment, boundsOf(month));
      const digests = Buffer.concat(texts.map(digestOf));
      const isWhole = texts.length === segment.rowCount;
      const agrees = isWhole ? digests.equals(segment.rowDigests) : await this.isShared(tx, segment, digests);
      if (!agrees) throw new AuditMonthDiffers(month, segmentNo);
      return { segment, texts, digests, isWhole };
    });
  }

  /** These rows are the segment’s, and so are all others that are there or went with another month: none is missing. */
  private async isShared(tx: Tx, segment: Segment, digests: Buffer): Promise<boolean> {
    if (digestsWithout(segment.rowDigests, digests) === null) return false;
    const there = await digestsBetween(tx, segment.afterEventId, segment.toEventId);
    const expected = await new RetirementProof(null).expected(tx, segment);
    return Buffer.isBuffer(expected) && there.equals(expected);
  }

  private async firstSegment(month: AuditMonth, eventId: number): Promise<number> {
    return this.read(async (tx) => {
      const [first] = await tx.query<{ segmentNo: number }>(FIRST_SEGMENT, [eventId]);
      if (!first) throw new AuditMonthUnsealed(month);
      return first.segmentNo;
    });
  }

  private async read<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.database.acrossTenants(this.scope, work);
  }
}

/** What is remembered of a part when its rows go; null where it has none. */
export function retiredRows({ segment, texts, digests, isWhole }: MonthPart): RetiredRows | null {
  if (texts.length === 0) return null;
  return { segmentNo: segment.segmentNo, rowCount: texts.length, rowDigests: isWhole ? null : digests };
}
