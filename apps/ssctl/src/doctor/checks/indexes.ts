import type { Check } from '../check.js';
import type { Finding } from '../finding.js';

const MIB = 1024 ** 2;
const WORTH_A_WORD = 16 * MIB;
const WASTED_SHARE = 0.6;
const UNUSED_DAYS = 7;

const OURS = `namespace.nspname IN ('public', 'pgboss')`;

/** Left behind by a CREATE INDEX CONCURRENTLY that failed: it costs every write and serves no read. */
export const invalidIndexesCheck: Check = {
  id: 'invalid_indexes',
  needsSchema: true,
  examine: async ({ ask }) => {
    const indexes = await ask<{ name: string }>(
      `SELECT indexrelid::regclass::text AS name
       FROM pg_index
       JOIN pg_class AS class ON class.oid = pg_index.indexrelid
       JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
       WHERE ${OURS} AND NOT (indisvalid AND indisready)`,
    );
    return indexes.map(({ name }): Finding => ({
      id: 'invalid_indexes',
      level: 'error',
      cause: `The index ${name} is not valid: it is written and never read.`,
      remedy: `REINDEX INDEX CONCURRENTLY ${name}`,
    }));
  },
};

/**
 * An estimate from the statistics, without reading the index: what its keys need if pages are filled to 90 %, against
 * the pages that it has. Good enough to tell a bloated index from a full one, not to tell its percentage: it knows
 * nothing of deduplication, nor of how wide the values are that are in the index now. Only B-trees on plain columns.
 */
const ESTIMATE_BLOAT = `
  SELECT index.indexrelid::regclass::text AS name, class.relpages::bigint * 8192 AS bytes,
    greatest(1 - ceil(class.reltuples * (sum(coalesce(stats.avg_width, 8)) + 16) / (8192 * 0.9)) / class.relpages, 0)
      ::double precision AS wasted
  FROM pg_index AS index
  JOIN pg_class AS class ON class.oid = index.indexrelid
  JOIN pg_am ON pg_am.oid = class.relam AND pg_am.amname = 'btree'
  JOIN pg_class AS of_table ON of_table.oid = index.indrelid
  JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
  CROSS JOIN LATERAL unnest(index.indkey::smallint[]) AS key (column_no)
  JOIN pg_attribute AS attribute ON attribute.attrelid = index.indrelid AND attribute.attnum = key.column_no
  LEFT JOIN pg_stats AS stats ON stats.schemaname = namespace.nspname AND stats.tablename = of_table.relname
    AND stats.attname = attribute.attname AND NOT stats.inherited
  WHERE ${OURS} AND class.relpages::bigint * 8192 >= $1 AND class.reltuples >= 0
    AND NOT (0 = ANY (index.indkey::smallint[]))
  GROUP BY index.indexrelid, class.relpages, class.reltuples
  ORDER BY class.relpages DESC LIMIT 20`;

export function indexBloatCheck(minBytes = WORTH_A_WORD): Check {
  return {
    id: 'index_bloat',
    needsSchema: true,
    examine: async ({ ask }) => {
      const indexes = await ask<{ name: string; bytes: number; wasted: number }>(ESTIMATE_BLOAT, [minBytes]);
      return indexes
        .filter(({ wasted }) => wasted > WASTED_SHARE)
        .map(({ name, bytes, wasted }): Finding => ({
          id: 'index_bloat',
          level: 'warning',
          cause: `About ${String(Math.round(wasted * 100))} % of the ${String(Math.round(bytes / MIB))} MiB of ${name} is empty (estimated from statistics).`,
          remedy: `REINDEX INDEX CONCURRENTLY ${name}; and see why vacuum did not keep up (dead_rows, old_snapshots).`,
        }));
    },
  };
}

/** Large, and not read since the statistics began, at least a week ago. Keys are needed whether they are read or not. */
export function unusedIndexesCheck(minBytes = WORTH_A_WORD, days = UNUSED_DAYS): Check {
  return {
    id: 'unused_indexes',
    needsSchema: true,
    examine: async ({ ask }) => {
      const indexes = await ask<{ name: string; bytes: number }>(
        `SELECT stat.indexrelid::regclass::text AS name, pg_relation_size(stat.indexrelid) AS bytes
         FROM pg_stat_user_indexes AS stat
         JOIN pg_index AS index ON index.indexrelid = stat.indexrelid
         WHERE stat.schemaname IN ('public', 'pgboss') AND stat.idx_scan = 0 AND NOT index.indisunique
           AND pg_relation_size(stat.indexrelid) >= $1
           AND (
             SELECT coalesce(database.stats_reset, pg_postmaster_start_time()) FROM pg_stat_database AS database
             WHERE database.datname = current_database()
           ) <= clock_timestamp() - make_interval(days => $2)
         ORDER BY 2 DESC LIMIT 5`,
        [minBytes, days],
      );
      return indexes.map(({ name, bytes }): Finding => ({
        id: 'unused_indexes',
        level: 'info',
        cause: `Nobody has read the index ${name} (${String(Math.round(bytes / MIB))} MiB) since the statistics began.`,
        remedy: 'If it is your own, think about dropping it. Those of SS serve queries that may be rare.',
      }));
    },
  };
}
