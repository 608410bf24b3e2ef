import type { Tx } from '#database';
import { createHash } from 'node:crypto';

/** Half of a SHA-256: beyond any search, and half the room. */
export const DIGEST_BYTES = 16;

/** Every column, in an order that never changes: a column that is added later comes with a new version of the seal. */
const SEALED_ROW = `ROW(
    event_id, tenant_id, occurred_at, actor_kind, actor_id, action, resource_type, resource_id, from_status, to_status,
    version, run_id, lease_no, reason, request_id, trace_id, source, changes, metadata, database_user
  )`;

/** Of a row, in PostgreSQL's own text (times in UTC, which every transaction of SS has set). */
const DIGEST = `substring(sha256(convert_to(${SEALED_ROW}::text, 'UTF8')) FOR ${String(DIGEST_BYTES)})`;

/** The texts themselves, of the rows of a stretch that are of some time. */
const TEXTS_BETWEEN = `
  SELECT ${SEALED_ROW}::text AS text
  FROM audit_event
  WHERE event_id > $1 AND event_id <= $2 AND occurred_at >= $3 AND occurred_at < $4
  ORDER BY event_id, occurred_at`;

/** The digests of all rows after $1 and up to $2, one behind the other in the order of their numbers. */
const DIGESTS_BETWEEN = `
  SELECT coalesce(string_agg(${DIGEST}, ''::bytea ORDER BY event_id, occurred_at), '') AS digests
  FROM audit_event
  WHERE event_id > $1 AND event_id <= $2`;

/** The same, a row each, with its number: to name the one that differs. */
const ROWS_BETWEEN = `
  SELECT event_id AS "eventId", ${DIGEST} AS digest
  FROM audit_event
  WHERE event_id > $1 AND event_id <= $2
  ORDER BY event_id, occurred_at`;

export interface DigestedRow {
  eventId: number;
  digest: Buffer;
}

/** The digests of the rows of a stretch, put together. The database computes them: it would have to send every row else. */
export async function digestsBetween(tx: Tx, afterEventId: number, toEventId: number): Promise<Buffer> {
  const [row] = await tx.query<{ digests: Buffer }>(DIGESTS_BETWEEN, [afterEventId, toEventId]);
  if (!row) throw new Error('an aggregate gave no row');
  return row.digests;
}

export async function rowsBetween(tx: Tx, afterEventId: number, toEventId: number): Promise<DigestedRow[]> {
  return tx.query<DigestedRow & Record<string, unknown>>(ROWS_BETWEEN, [afterEventId, toEventId]);
}

/** What the digests of the rows between two instants are made of, in the order of the rows. */
export async function sealedTextsBetween(
  tx: Tx,
  stretch: { afterEventId: number; toEventId: number },
  time: { from: string; to: string },
): Promise<string[]> {
  const { afterEventId, toEventId } = stretch;
  const rows = await tx.query<{ text: string }>(TEXTS_BETWEEN, [afterEventId, toEventId, time.from, time.to]);
  return rows.map((row) => row.text);
}

/** The digest of a row, from its text alone: what the database computes as well. */
export function digestOf(sealedText: string): Buffer {
  return createHash('sha256').update(sealedText, 'utf8').digest().subarray(0, DIGEST_BYTES);
}

/** Digests that were put together, one by one, as text that can be compared. */
export function splitDigests(digests: Buffer): string[] {
  return Array.from({ length: digests.length / DIGEST_BYTES }, (_, n) =>
    digests.toString('hex', n * DIGEST_BYTES, (n + 1) * DIGEST_BYTES),
  );
}

/** The digests without some of them, in their order; null where one of those is not among them. */
export function digestsWithout(digests: Buffer, gone: Buffer): Buffer | null {
  const left = new Set(splitDigests(gone));
  const kept = splitDigests(digests).filter((digest) => !left.delete(digest));
  return left.size === 0 ? Buffer.from(kept.join(''), 'hex') : null;
}
