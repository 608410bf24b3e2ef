import type { Database, Scope, Tx } from '#database';
import { DIGEST_BYTES, digestsBetween } from './row-digests.js';
import { NO_SEGMENT, type Segment, segmentHash } from './segment.js';
import { Segments } from './segments.js';

/** Numbers, and so rows at most, of one segment: what one statement reads, and what a verifier holds in memory. */
const MAX_ROWS = 10_000;

/** Any number, so long as every SS uses the same. */
const SEALER_LOCK = 5_302_030;

const LAST_NUMBER = `
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS "eventId" FROM audit_event_event_id_seq`;

/**
 * Transactions that have begun to write to the audit and have not ended. Whoever was given a number holds this lock, and
 * took it before.
 */
const WRITERS = `
  SELECT DISTINCT virtualtransaction AS writer FROM pg_locks
  WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relation IN (
      SELECT 'audit_event'::regclass
      UNION ALL
      SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_event'::regclass
    )`;

/** All numbers up to this one will be settled when these writers have ended. */
interface Horizon {
  eventId: number;
  writers: ReadonlySet<string>;
}

/**
 * Seals the audit in segments. A number is given before its row is seen, so a row may appear behind others; a stretch is
 * sealed only when everybody who could still add a row to it has ended. Any process may seal: they take turns.
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
      // In this order: whoever takes a number after it was read is no concern of this horizon.
      const horizon = this.horizon ?? (await this.look(tx));
      const now = await this.writers(tx);
      const settled = [...horizon.writers].every((writer) => !now.has(writer));
      this.horizon = settled ? null : horizon;
      return settled ? horizon.eventId : 0;
    });
  }

  private async look(tx: Tx): Promise<Horizon> {
    const [last] = await tx.query<{ eventId: number }>(LAST_NUMBER);
    return { eventId: last?.eventId ?? 0, writers: await this.writers(tx) };
  }

  private async writers(tx: Tx): Promise<Set<string>> {
    const rows = await tx.query<{ writer: string }>(WRITERS);
    return new Set(rows.map((row) => row.writer));
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
