import type { Database, Scope, Tx } from '#database';
import { Horizon } from './horizon.js';
import { DIGEST_BYTES, digestsBetween } from './row-digests.js';
import { NO_SEGMENT, type Segment, segmentHash } from './segment.js';
import { Segments } from './segments.js';

/** Numbers, and so rows at most, of one segment: what one statement reads, and what a verifier holds in memory. */
const MAX_ROWS = 10_000;

/** Any number, so long as every SS uses the same. */
const SEALER_LOCK = 5_302_030;

/**
 * Seals the audit in segments. A stretch is sealed only when everybody who could still add a row to it has ended. Any
 * process may seal: they take turns.
 */
export class AuditSealer {
  private readonly segments = new Segments();
  private horizon: Horizon | null = null;

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
    private readonly maxRows = MAX_ROWS,
  ) {}

  /** Seals what is settled, at most `maxSegments` stretches, and answers the new segments without their digests. */
  async seal(maxSegments = 20): Promise<Segment[]> {
    const sealed: Segment[] = [];
    const settled = await this.settledUpTo();
    while (sealed.length < maxSegments) {
      const segment = await this.database.acrossTenants(this.scope, (tx) => this.sealNext(tx, settled));
      if (!segment) break;
      sealed.push(segment);
    }
    return sealed;
  }

  /** The number up to which no row can appear any more. */
  private async settledUpTo(): Promise<number> {
    return this.database.acrossTenants(this.scope, async (tx) => {
      const horizon = this.horizon ?? (await Horizon.look(tx));
      const isSettled = await horizon.isSettled(tx);
      this.horizon = isSettled ? null : horizon;
      return isSettled ? horizon.eventId : 0;
    });
  }

  private async sealNext(tx: Tx, settled: number): Promise<Segment | null> {
    const [turn] = await tx.query<{ mine: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS mine', [SEALER_LOCK]);
    if (!turn?.mine) return null;
    const last = await this.segments.findLast(tx);
    const afterEventId = last?.toEventId ?? 0;
    if (settled <= afterEventId) return null;
    const toEventId = Math.min(settled, afterEventId + this.maxRows);
    const segment = await this.build(tx, last, afterEventId, toEventId);
    // Numbers that no row got, at the end of the audit, are no news: they wait for a row to be sealed with.
    if (segment.rowCount === 0 && toEventId === settled) return null;
    await this.segments.insert(tx, segment);
    return segment;
  }

  private async build(tx: Tx, last: Segment | null, afterEventId: number, toEventId: number): Promise<Segment> {
    const rowDigests = await digestsBetween(tx, afterEventId, toEventId);
    const content = {
      segmentNo: (last?.segmentNo ?? 0) + 1,
      afterEventId,
      toEventId,
      rowCount: rowDigests.length / DIGEST_BYTES,
      rowDigests,
      previousHash: last?.segmentHash ?? NO_SEGMENT,
    };
    return { ...content, segmentHash: segmentHash(content) };
  }
}
