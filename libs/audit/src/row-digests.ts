import type { Tx } from '#database';

/** Half of a SHA-256: beyond any search, and half the room. */
export const DIGEST_BYTES = 16;

/** Every column, in an order that never changes: a column that is added later comes with a new version of the seal. */
const SEALED_ROW = `ROW(
    event_id, tenant_id, occurred_at, actor_kind, actor_id, action, resource_type, resource_id, from_status, to_status,
    version, run_id, lease_no, reason, request_id, trace_id, source, changes, metadata, database_user
  )`;

/** Of a row, in PostgreSQL's own text (times in UTC, which every transaction of SS has set). */
const DIGEST = `substring(sha256(convert_to(${SEALED_ROW}::text, 'UTF8')) FOR ${String(DIGEST_BYTES)})`;

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
