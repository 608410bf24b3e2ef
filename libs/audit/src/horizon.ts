import type { Tx } from '#database';

const LAST_NUMBER = `
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS "eventId" FROM audit_event_event_id_seq`;

/**
 * Transactions that have begun to write to the audit, or to $1, and have not ended. Whoever was given a number holds this
 * lock, and took it before.
 */
const WRITERS = `
  SELECT DISTINCT virtualtransaction AS writer FROM pg_locks
  WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relation IN (
      SELECT 'audit_event'::regclass
      UNION ALL
      SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_event'::regclass
      UNION ALL
      SELECT name::regclass FROM unnest($1::text[]) AS name
    )`;

/**
 * A number, and who wrote when it was the last. A number is given before its row is seen, so a row may appear behind others;
 * up to this one none can any more when these writers have ended.
 */
export class Horizon {
  private constructor(
    readonly eventId: number,
    private readonly writers: ReadonlySet<string>,
    private readonly beside: readonly string[],
  ) {}

  /** `beside`: tables whose rows are numbered with the audit, where the caller reads them too. */
  static async look(tx: Tx, beside: readonly string[] = []): Promise<Horizon> {
    // In this order: whoever takes a number after it was read is no concern of this horizon.
    const [last] = await tx.query<{ eventId: number }>(LAST_NUMBER);
    return new Horizon(last?.eventId ?? 0, await writersOf(tx, beside), beside);
  }

  async isSettled(tx: Tx): Promise<boolean> {
    if (this.writers.size === 0) return true;
    const now = await writersOf(tx, this.beside);
    return [...this.writers].every((writer) => !now.has(writer));
  }
}

async function writersOf(tx: Tx, beside: readonly string[]): Promise<Set<string>> {
  const rows = await tx.query<{ writer: string }>(WRITERS, [beside]);
  return new Set(rows.map((row) => row.writer));
}
