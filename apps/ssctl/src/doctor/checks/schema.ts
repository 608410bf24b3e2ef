import { schemaStatus } from '#database';
import { QUEUE_SCHEMA, queueSchemaVersion } from '#queue';
import type { Check } from '../check.js';
import type { Finding } from '../finding.js';

const DEPLOY = 'Run: npm run ssctl -- schema deploy';
/** Fewer months than this are too few to sleep well. */
const MONTHS_AHEAD = 2;

/** The tables are those of this release. */
export const schemaCheck: Check = {
  id: 'schema',
  needsSchema: false,
  examine: async ({ ownerUrl }) => {
    const { applied, pending, changed, unknown, failed } = await schemaStatus(ownerUrl);
    if (applied.length === 0) {
      const cause = 'The schema is not deployed: this database has no tables of SS.';
      return [{ id: 'schema', level: 'error', cause, remedy: DEPLOY }];
    }
    const findings: Finding[] = [];
    const say = (
      id: string,
      level: Finding['level'],
      what: string,
      names: string[],
      remedy: string,
    ): void => {
      if (names.length > 0)
        findings.push({ id, level, cause: `Schema migrations ${what}: ${names.join(', ')}.`, remedy });
    };
    say('schema.pending', 'error', 'are not applied', pending, DEPLOY);
    say(
      'schema.changed',
      'error',
      'were changed after they were applied',
      changed,
      'Put the files of the release back, and compare the tables with prisma/schema.prisma.',
    );
    say(
      'schema.failed',
      'error',
      'began and did not end',
      failed,
      'Look at the tables; then correct the rows of _prisma_migrations.',
    );
    say(
      'schema.newer',
      'warning',
      'of a newer release are applied',
      unknown,
      'Finish the rollout: run the newer release here as well.',
    );
    return findings;
  },
};

/** pg-boss's tables are those of the installed pg-boss. */
export const queueSchemaCheck: Check = {
  id: 'queue_schema',
  needsSchema: true,
  examine: async ({ askRows }) => {
    const [row] = await askRows<{ version: number }>(`SELECT version FROM ${QUEUE_SCHEMA}.version`);
    const wanted = queueSchemaVersion();
    if (row?.version === wanted) return [];
    return [
      {
        id: 'queue_schema',
        level: 'error',
        cause: `The queue’s tables have version ${String(row?.version)}; this release works with ${String(wanted)}.`,
        remedy: DEPLOY,
      },
    ];
  },
};

/** The audit has a partition for each month that comes. */
export const auditPartitionsCheck: Check = {
  id: 'audit_partitions',
  needsSchema: true,
  examine: async ({ askRows }) => {
    const [row] = await askRows<{ months: number; elsewhere: boolean }>(`
      WITH RECURSIVE ahead (months, first_day) AS (
        SELECT 0, date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')
        UNION ALL
        SELECT months + 1, first_day + interval '1 month'
        FROM ahead
        WHERE months <= ${String(MONTHS_AHEAD)}
          AND to_regclass('public.audit_event_' || to_char(first_day, 'YYYY_MM')) IS NOT NULL
      )
      SELECT max(months) AS months,
        coalesce((
          SELECT pg_relation_size(oid) > 0 FROM pg_class WHERE oid = to_regclass('public.audit_event_other')
        ), false) AS elsewhere
      FROM ahead`);
    const findings: Finding[] = [];
    const months = row?.months ?? 0;
    if (months <= MONTHS_AHEAD) {
      findings.push({
        id: 'audit_partitions',
        level: months === 0 ? 'error' : 'warning',
        cause:
          months === 0
            ? 'The audit has no partition for this month.'
            : `The audit has partitions for ${String(months)} months, this one included.`,
        remedy: `${DEPLOY}; a living worker makes them too.`,
      });
    }
    if (row?.elsewhere) {
      findings.push({
        id: 'audit_partitions.other',
        level: 'warning',
        cause: 'Audit rows were written into the partition for months that there is no partition for.',
        remedy: `${DEPLOY}. Rows that are there stay readable; a partition for their month cannot be made before they are moved.`,
      });
    }
    return findings;
  },
};
