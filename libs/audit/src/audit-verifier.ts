import type { Database, Scope } from '#database';
import type { KeyObject } from 'node:crypto';
import { type Checkpoint, isSignedBy } from './checkpoint.js';
import { type RetirementFault, RetirementProof } from './retirement-proof.js';
import { DIGEST_BYTES, type DigestedRow, digestsBetween, rowsBetween, splitDigests } from './row-digests.js';
import { NO_SEGMENT, type Segment, segmentHash } from './segment.js';
import { Segments } from './segments.js';

/** The first thing that is not as it was sealed. */
export interface BadPlace {
  segment_no: number;
  /** The row, where one can be named; of a row that is gone, the last one before it. */
  event_id: number | null;
  problem:
    | 'row_changed'
    | 'row_missing'
    | 'row_inserted'
    | 'chain_broken'
    | 'segment_missing'
    | 'checkpoint_differs'
    /** The record of a month that was dropped is wrong: its rows count as missing. */
    | 'retirement_differs';
  detail: string;
}

export interface Verification {
  ok: boolean;
  segments: number;
  /** Rows that are there, each compared with its seal. */
  rows: number;
  /** Rows that went with a month, by a record that was proven. */
  retired_rows: number;
  first_bad: BadPlace | null;
}

export interface VerifyOptions {
  /** The first and the last segment to look at; all when absent. */
  fromSegment?: number;
  toSegment?: number;
  /** Signed words on the chain that were kept outside. */
  checkpoints?: readonly Checkpoint[];
  /** Whose signature counts; null: no key is at hand, and checkpoints are compared without it. */
  publicKey?: KeyObject | null;
}

/** What was found of the rows of one segment. */
interface RowFinding {
  bad: BadPlace | null;
  retiredRows: number;
}

/** Segments whose rows are read at the same time: each keeps one core of the database busy. */
const AT_ONCE = 4;

/** Recomputes the seals from the rows, and names the first place that differs. Changes nothing. */
export class AuditVerifier {
  private readonly segments = new Segments();

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
  ) {}

  async verify(options: VerifyOptions = {}): Promise<Verification> {
    const { fromSegment = 1, toSegment = Infinity } = options;
    const signed = new Map(options.checkpoints?.map((checkpoint) => [checkpoint.segmentNo, checkpoint]));
    const proof = new RetirementProof(options.publicKey ?? null);
    const seen = { segments: 0, rows: 0, retired_rows: 0 };
    const bad = (place: BadPlace): Verification => ({ ok: false, ...seen, first_bad: place });
    let previous = await this.before(fromSegment);
    for (let from = fromSegment; from <= toSegment; from += AT_ONCE) {
      const batch = await this.read(from, Math.min(toSegment, from + AT_ONCE - 1));
      // The costly part, for all of them at once; then one after the other, so that the first fault is the first.
      const found = await Promise.all(batch.map((segment) => this.findRows(segment, proof)));
      for (const [n, segment] of batch.entries()) {
        const place =
          chainFault(segment, from + n, previous) ??
          checkpointFault(segment, signed.get(segment.segmentNo), options.publicKey ?? null) ??
          found[n]?.bad;
        if (place) return bad(place);
        const retiredRows = found[n]?.retiredRows ?? 0;
        seen.segments += 1;
        seen.rows += segment.rowCount - retiredRows;
        seen.retired_rows += retiredRows;
        previous = segment;
      }
      if (batch.length < AT_ONCE) break;
    }
    const beyond =
      cutFault(previous, toSegment, options.checkpoints ?? []) ??
      (await this.recordFault(proof, fromSegment, toSegment));
    return beyond ? bad(beyond) : { ok: true, ...seen, first_bad: null };
  }

  private async before(segmentNo: number): Promise<Segment | null> {
    if (segmentNo <= 1) return null;
    const [segment] = await this.read(segmentNo - 1, segmentNo - 1);
    return segment ?? null;
  }

  /** The segments that there are of these numbers, and behind a gap the next ones: a gap is told, not passed over. */
  private async read(from: number, to: number): Promise<Segment[]> {
    const limit = to - from + 1;
    return this.database.acrossTenants(this.scope, (tx) => this.segments.listFrom(tx, from, limit));
  }

  /** The first row of the segment that is not as it was sealed, but for those that were dropped by right. */
  private async findRows(segment: Segment, proof: RetirementProof): Promise<RowFinding> {
    return this.database.acrossTenants(this.scope, async (tx) => {
      // In this order: a month that is dropped in between has its record when it is looked for.
      const digests = await digestsBetween(tx, segment.afterEventId, segment.toEventId);
      if (digests.equals(segment.rowDigests)) return { bad: null, retiredRows: 0 };
      const expected = await proof.expected(tx, segment);
      if (!Buffer.isBuffer(expected)) return { bad: retirementPlace(expected), retiredRows: 0 };
      const retiredRows = segment.rowCount - expected.length / DIGEST_BYTES;
      if (digests.equals(expected)) return { bad: null, retiredRows };
      const rows = await rowsBetween(tx, segment.afterEventId, segment.toEventId);
      return { bad: nameRow(segment.segmentNo, splitDigests(expected), rows), retiredRows };
    });
  }

  private async recordFault(proof: RetirementProof, from: number, to: number): Promise<BadPlace | null> {
    const fault = await this.database.acrossTenants(this.scope, (tx) => proof.firstFault(tx, from, to));
    return fault && retirementPlace(fault);
  }
}

function retirementPlace({ segmentNo, detail }: RetirementFault): BadPlace {
  return { segment_no: segmentNo, event_id: null, problem: 'retirement_differs', detail };
}

function nameRow(segmentNo: number, sealed: readonly string[], rows: readonly DigestedRow[]): BadPlace {
  const found = rows.map((row) => row.digest.toString('hex'));
  const at = found.findIndex((digest, n) => digest !== sealed[n]);
  const place = (problem: BadPlace['problem'], row: number, detail: string): BadPlace => ({
    segment_no: segmentNo,
    event_id: rows[row]?.eventId ?? null,
    problem,
    detail,
  });
  if (at < 0) return place('row_missing', rows.length - 1, 'The rows after this one are gone.');
  const [there, expected] = [found[at], sealed[at]];
  if (expected === undefined || found.includes(expected, at)) {
    return place('row_inserted', at, 'This row was not there when the segment was sealed.');
  }
  if (there !== undefined && sealed.includes(there, at)) {
    return place('row_missing', at - 1, 'The row after this one is gone.');
  }
  return place('row_changed', at, 'This row is not the one that was sealed.');
}

function chainFault(segment: Segment, segmentNo: number, previous: Segment | null): BadPlace | null {
  const fault = (detail: string): BadPlace => ({
    segment_no: segmentNo,
    event_id: null,
    problem: 'chain_broken',
    detail,
  });
  if (segment.segmentNo !== segmentNo) {
    const detail = `The segment is gone; the next one is ${String(segment.segmentNo)}.`;
    return { segment_no: segmentNo, event_id: null, problem: 'segment_missing', detail };
  }
  const { segmentHash: stated, ...content } = segment;
  if (!segmentHash(content).equals(stated)) return fault('The segment does not have the hash that it states.');
  if (!content.previousHash.equals(previous?.segmentHash ?? NO_SEGMENT)) {
    return fault('The segment does not follow from the one before it.');
  }
  if (content.afterEventId !== (previous?.toEventId ?? 0)) {
    return fault('There are events between this segment and the one before it.');
  }
  return null;
}

function checkpointFault(
  segment: Segment,
  checkpoint: Checkpoint | undefined,
  publicKey: KeyObject | null,
): BadPlace | null {
  if (!checkpoint) return null;
  const { segmentNo } = segment;
  const fault = (detail: string): BadPlace => ({
    segment_no: segmentNo,
    event_id: null,
    problem: 'checkpoint_differs',
    detail,
  });
  if (publicKey && !isSignedBy(checkpoint, publicKey)) return fault('The checkpoint is not signed by the key.');
  if (!checkpoint.segmentHash.equals(segment.segmentHash)) return fault('The chain was made anew after it was signed.');
  return null;
}

/** A checkpoint that was kept outside names a segment that is not there any more. */
function cutFault(
  last: Segment | null,
  toSegment: number,
  checkpoints: readonly Checkpoint[],
): BadPlace | null {
  const end = last?.segmentNo ?? 0;
  const highest = Math.max(0, ...checkpoints.map((checkpoint) => checkpoint.segmentNo));
  if (highest <= end || toSegment <= end) return null;
  const detail = `The audit ends here; a checkpoint names segment ${String(highest)}.`;
  return { segment_no: end + 1, event_id: last?.toEventId ?? null, problem: 'segment_missing', detail };
}
