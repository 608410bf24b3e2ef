import type { TestDatabase } from './test-database.js';

/** The first day of the month that lies so many months before this one, as `2026-05`. */
export function monthsAgo(months: number): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months)).toISOString().slice(0, 7);
}

/** Room for a month of the audit that has passed, as `create_audit_partitions` had made it when it was to come. */
export async function anAuditMonth(db: TestDatabase, month: string): Promise<void> {
  const name = `audit_event_${month.replace('-', '_')}`;
  await db.sql('SET ROLE ss_owner');
  try {
    await db.sql(
      `CREATE TABLE ${name} PARTITION OF audit_event FOR VALUES
       FROM ('${month}-01T00:00:00Z') TO ('${after(month)}-01T00:00:00Z')`,
    );
    await db.sql(
      `CREATE TRIGGER audit_event_is_never_truncated BEFORE TRUNCATE ON ${name}
       FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()`,
    );
    await db.sql(`CALL protect_tenant_rows('${name}')`);
    await db.sql(`CALL let_owner_count('${name}')`);
  } finally {
    await db.sql('RESET ROLE');
  }
}

/** Rows that bear these instants, one each, numbered in this order. Answers the numbers. */
export async function auditRowsAt(
  db: TestDatabase,
  tenantId: string,
  instants: readonly string[],
  text = 'x',
): Promise<number[]> {
  const written = await db.sql<{ event_id: number }>(
    `INSERT INTO audit_event (
       tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source, reason, occurred_at, changes
     )
     SELECT $1, 'operator', $3, 'test.done', 'test', 'x' || n, 'test', $3, at, jsonb_build_object('text', $3::text, 'n', n)
     FROM unnest($2::timestamptz[]) WITH ORDINALITY AS given (at, n)
     ORDER BY n
     RETURNING event_id`,
    [tenantId, [...instants], text],
  );
  return written.map((row) => row.event_id).sort((a, b) => a - b);
}

function after(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return new Date(Date.UTC(year, number)).toISOString().slice(0, 7);
}
