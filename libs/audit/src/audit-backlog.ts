import type { Tx } from '#database';

/** Rows that are counted at most, and among which the oldest is looked for: beyond, it is late in any case. */
const MOST = 100_000;

/** $1 how far is looked. The index audit_event_in_order finds the rows. */
const READ_BACKLOG = `
  WITH sealed AS (
    SELECT coalesce(max(to_event_id), 0) AS to_event_id
    FROM audit_segment WHERE segment_no = (SELECT max(segment_no) FROM audit_segment)
  ), waiting AS (
    SELECT count(*) AS rows, min(occurred_at) AS oldest
    FROM audit_event
    WHERE event_id > (SELECT to_event_id FROM sealed) AND event_id <= (SELECT to_event_id FROM sealed) + $1::bigint
  )
  SELECT numbers.last::float8 AS rows, waiting.rows::float8 AS "unsealedRows",
    coalesce(greatest(0, extract(epoch FROM clock_timestamp() - waiting.oldest)), 0)::float8 AS "sealAgeSeconds"
  FROM waiting
  CROSS JOIN (
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM audit_event_event_id_seq
  ) AS numbers`;

/** How much of the audit there is, and how far its seals are behind. */
export interface AuditBacklog {
  /** Numbers that rows were given so far; one that was rolled back has a number and no row. */
  rows: number;
  unsealedRows: number;
  /** How long the oldest of them has waited; 0 when none waits. */
  sealAgeSeconds: number;
}

export async function auditBacklog(tx: Tx): Promise<AuditBacklog> {
  const [row] = await tx.query<AuditBacklog & Record<string, unknown>>(READ_BACKLOG, [MOST]);
  return row ?? { rows: 0, unsealedRows: 0, sealAgeSeconds: 0 };
}
