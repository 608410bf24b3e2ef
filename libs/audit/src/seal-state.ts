import type { Instant, Tx } from '#database';

/** How far the audit is sealed. */
export interface SealState {
  /** The last segment; null: nothing is sealed yet. */
  segment_no: number | null;
  sealed_at: Instant | null;
  age_seconds: number | null;
  /** At most so many rows: numbers that were given since, some of which no row may have got. */
  unsealed_rows: number;
}

const READ_STATE = `
  SELECT last.segment_no, last.sealed_at,
    extract(epoch FROM clock_timestamp() - last.sealed_at)::float8 AS age_seconds,
    greatest(0, CASE WHEN numbers.is_called THEN numbers.last_value ELSE 0 END - coalesce(last.to_event_id, 0))
      AS unsealed_rows
  FROM audit_event_event_id_seq AS numbers
  LEFT JOIN LATERAL (
    SELECT segment_no, sealed_at, to_event_id FROM audit_segment ORDER BY segment_no DESC LIMIT 1
  ) AS last ON true`;

/** Reads no row of the audit, however many there are. */
export async function readSealState(tx: Tx): Promise<SealState> {
  const [state] = await tx.query<SealState & Record<string, unknown>>(READ_STATE);
  if (!state) throw new Error('a sequence always has its row');
  return state;
}
