import type { Tx } from './tx.js';

/** What a server tells to everybody who may connect. */
export interface ServerLook {
  sizeBytes: number;
  connections: number;
  maxConnections: number;
  /** How long the oldest transaction has been open that can be seen from here. */
  oldestTransactionSeconds: number;
  tables: { schema: string; live: number; dead: number }[];
}

/** With a number of its own, a transaction can tell whether it is the oldest that has one. */
const ENTER = `SELECT set_config('role', 'none', true), pg_current_xact_id()::text AS number`;

const READ_TABLES = `
  SELECT schemaname AS schema, sum(n_live_tup)::float8 AS live, sum(n_dead_tup)::float8 AS dead
  FROM pg_stat_user_tables
  WHERE schemaname IN ('public', 'pgboss')
  GROUP BY schemaname`;

/**
 * Of transactions, `oldestSeen` is what the login may see of sessions: its own, and with pg_read_all_stats all. `writer` is
 * the oldest of anybody's that writes, this one ($1) aside; how long it has been open shows only who looks twice.
 */
const READ_SERVER = `
  SELECT pg_database_size(current_database())::float8 AS "sizeBytes",
    (SELECT sum(numbackends) FROM pg_stat_database)::float8 AS connections,
    current_setting('max_connections')::float8 AS "maxConnections",
    nullif(pg_snapshot_xmin(pg_current_snapshot())::text, $1) AS writer,
    extract(epoch FROM clock_timestamp())::float8 AS now,
    coalesce(
      (
        SELECT extract(epoch FROM clock_timestamp() - min(xact_start))
        FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
      ),
      0
    )::float8 AS "oldestSeen"`;

interface ServerRow {
  sizeBytes: number;
  connections: number;
  maxConnections: number;
  writer: string | null;
  now: number;
  oldestSeen: number;
}

/** How a database server fares. Ask the same instance again and again: some things show only over time. */
export class ServerFigures {
  private oldest: { writer: string; since: number } | null = null;

  /** The transaction has the rights of the login itself afterwards: which sees most of what others do. */
  async look(tx: Tx): Promise<ServerLook> {
    const [own] = await tx.query<{ number: string }>(ENTER);
    const [row] = await tx.query<ServerRow & Record<string, unknown>>(READ_SERVER, [own?.number]);
    if (!row) throw new Error('a SELECT without FROM gave no row');
    const { sizeBytes, connections, maxConnections, writer, now, oldestSeen } = row;
    if (writer === null) this.oldest = null;
    else if (this.oldest?.writer !== writer) this.oldest = { writer, since: now };
    return {
      sizeBytes,
      connections,
      maxConnections,
      oldestTransactionSeconds: Math.max(oldestSeen, this.oldest ? now - this.oldest.since : 0, 0),
      tables: await tx.query<{ schema: string; live: number; dead: number }>(READ_TABLES),
    };
  }
}
