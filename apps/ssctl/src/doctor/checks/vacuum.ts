import type { Check } from '../check.js';
import type { Finding } from '../finding.js';

/** Dead rows: so many of a table’s rows, and more than so many. */
const DEAD_SHARE = 0.2;
const DEAD_ROWS = 10_000;
/** Transaction ids: PostgreSQL itself hurries at 0.2 thousand million, warns at 2.1 and stops writing after that. */
const OLD_IDS = 500_000_000;
const DANGEROUS_IDS = 1_500_000_000;

const inOurs = `schemaname IN ('public', 'pgboss')`;

/** Autovacuum keeps up with what workers leave behind. */
export function deadRowsCheck(deadRows = DEAD_ROWS): Check {
  return {
    id: 'dead_rows',
    needsSchema: true,
    examine: async ({ ask }) => {
      const tables = await ask<{ name: string; dead: number; live: number; vacuumed: string | null }>(
        `SELECT relid::regclass::text AS name, n_dead_tup AS dead, n_live_tup AS live,
           to_char(greatest(last_vacuum, last_autovacuum), 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS vacuumed
         FROM pg_stat_user_tables
         WHERE ${inOurs} AND n_dead_tup > $1 AND n_dead_tup > $2::double precision * (n_live_tup + n_dead_tup)
         ORDER BY n_dead_tup DESC LIMIT 5`,
        [deadRows, DEAD_SHARE],
      );
      return tables.map(({ name, dead, live, vacuumed }): Finding => ({
        id: 'dead_rows',
        level: 'warning',
        cause: `${name} has ${String(dead)} dead rows beside ${String(live)} live ones; vacuumed last: ${vacuumed ?? 'never'}.`,
        remedy: `VACUUM (ANALYZE) ${name}; if they stay, something below holds them back (old_snapshots).`,
      }));
    },
  };
}

/** How far the server is from the end of its transaction ids. */
export function wraparoundCheck(old = OLD_IDS): Check {
  return {
    id: 'wraparound',
    needsSchema: false,
    examine: async ({ ask }) => {
      const [row] = await ask<{ ids: number; multixacts: number }>(
        `SELECT age(datfrozenxid) AS ids, mxid_age(datminmxid) AS multixacts
         FROM pg_database WHERE datname = current_database()`,
      );
      const age = Math.max(row?.ids ?? 0, row?.multixacts ?? 0);
      if (age < old) return [];
      return [
        {
          id: 'wraparound',
          level: age >= DANGEROUS_IDS ? 'error' : 'warning',
          cause: `The oldest rows of this database are ${String(age)} transactions old; at 2100 million the server stops writing.`,
          remedy: 'Find what keeps autovacuum from freezing (old_snapshots), then: VACUUM (FREEZE)',
        },
      ];
    },
  };
}

/** Longer than any transaction of SS may take. */
const LONG_SECONDS = 300;
const IDLE_SECONDS = 60;
const HELD_IDS = 1_000_000;

/** What keeps dead rows from being removed: long transactions, idle ones, replication slots, prepared transactions. */
export function oldSnapshotsCheck(longSeconds = LONG_SECONDS, idleSeconds = IDLE_SECONDS): Check {
  return {
    id: 'old_snapshots',
    needsSchema: false,
    examine: async ({ ask }) => {
      const sessions = await ask<{ pid: number; application: string; state: string; seconds: number }>(
        `SELECT pid, coalesce(nullif(application_name, ''), 'unnamed') AS application, state,
           extract(epoch FROM clock_timestamp() - xact_start)::integer AS seconds
         FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
           AND (
             xact_start < clock_timestamp() - make_interval(secs => $1)
             OR (state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - make_interval(secs => $2))
           )
         ORDER BY xact_start LIMIT 5`,
        [longSeconds, idleSeconds],
      );
      const slots = await ask<{ name: string; active: boolean; ids: number; wal: number | null }>(
        `SELECT slot_name AS name, active, coalesce(greatest(age(xmin), age(catalog_xmin)), 0) AS ids,
           CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint END AS wal
         FROM pg_replication_slots
         WHERE NOT active OR greatest(age(xmin), age(catalog_xmin)) > $1`,
        [HELD_IDS],
      );
      const prepared = await ask<{ gid: string; seconds: number }>(
        `SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::integer AS seconds
         FROM pg_prepared_xacts WHERE prepared < clock_timestamp() - make_interval(secs => $1) LIMIT 5`,
        [longSeconds],
      );
      const holds = 'Until it ends, dead rows stay and claiming gets slower.';
      const warn = (id: string, cause: string, remedy: string): Finding => ({
        id,
        level: 'warning',
        cause,
        remedy,
      });
      return [
        ...sessions.map(({ pid, application, state, seconds }) =>
          warn(
            'old_snapshots.transaction',
            `Session ${String(pid)} (${application}, ${state}) is in a transaction since ${String(seconds)} s. ${holds}`,
            `SELECT pg_terminate_backend(${String(pid)}), once you know whose it is.`,
          ),
        ),
        ...slots.map(({ name, active, ids, wal }) =>
          warn(
            'old_snapshots.replication_slot',
            `The replication slot ${name} ${active ? 'is behind' : 'is used by nobody'}: it holds back ${String(ids)} transactions and ${String(Math.round((wal ?? 0) / 1024 ** 2))} MiB of WAL. ${holds}`,
            `Start its consumer again, or: SELECT pg_drop_replication_slot('${name}')`,
          ),
        ),
        ...prepared.map(({ gid, seconds }) =>
          warn(
            'old_snapshots.prepared_transaction',
            `The prepared transaction ${gid} waits for its end since ${String(seconds)} s. ${holds}`,
            `COMMIT PREPARED or ROLLBACK PREPARED '${gid}'; SS never makes one.`,
          ),
        ),
      ];
    },
  };
}
