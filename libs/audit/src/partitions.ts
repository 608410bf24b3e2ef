import type { Tx } from '#database';

/** Months for which there is room already; a deployment that is touched once in two years never runs out. */
const MONTHS_AHEAD = 24;

/** Makes the partitions of the audit that are not there yet. Answers how many it made. */
export async function createAuditPartitions(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ made: number }>('SELECT create_audit_partitions($1) AS made', [MONTHS_AHEAD]);
  return row?.made ?? 0;
}
