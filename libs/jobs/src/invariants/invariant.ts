/** Asks the database one question. Whoever asks sees the rows of all tenants. */
export type Ask = <Row extends Record<string, unknown>>(
  text: string,
  values: readonly unknown[],
) => Promise<Row[]>;

/** Something that is true of the rows at every moment, whatever was done to the programs and the database. */
export interface Invariant {
  /** As in the field notes on reliability: `I7`. */
  id: string;
  /** The rule, as a sentence. */
  says: string;
  /**
   * Selects what breaks the rule: ids, statuses, versions, numbers; never data. May read `grace`, a row with the
   * intervals `quiet` and `sweep`, and `kept`, a row with the instant `since` which the audit reaches back to.
   */
  sql: string;
  /** What an operator does about it. */
  remedy: string;
}

/** How long the database may take, by its own clock, for what is mended by itself. */
export interface Grace {
  /** Between rows and messages: the reconciler needs a round. */
  quietSeconds: number;
  /** Between the end of a lease and the sweep that takes it. */
  sweepSeconds: number;
}

export interface Violations {
  total: number;
  /** The first of them. */
  rows: Record<string, unknown>[];
}

const MAX_ROWS = 10;

/**
 * What `kept` is for: old partitions of the audit may be dropped, so that a history may begin in its middle. It may
 * not for a job that is younger than the oldest partition.
 */
const FIND_VIOLATIONS = (sql: string): string => `
  WITH grace AS (
    SELECT make_interval(secs => $1::double precision) AS quiet, make_interval(secs => $2::double precision) AS sweep
  ), kept AS (
    SELECT coalesce(
      min(substring(pg_get_expr(part.relpartbound, part.oid) FROM $$FROM \\('([^']+)'\\)$$)::timestamptz),
      '-infinity'
    ) AS since
    FROM pg_inherits
    JOIN pg_class AS part ON part.oid = pg_inherits.inhrelid
    WHERE pg_inherits.inhparent = 'public.audit_event'::regclass
  ), violations AS (${sql})
  SELECT to_jsonb(violations) AS row, count(*) OVER () AS total FROM violations LIMIT ${String(MAX_ROWS)}`;

/** Looks for what breaks the invariant. One statement, so one moment: what is being changed is seen before or after. */
export async function findViolations(ask: Ask, { sql }: Invariant, grace: Grace): Promise<Violations> {
  const found = await ask<{ row: Record<string, unknown>; total: number | string }>(FIND_VIOLATIONS(sql), [
    grace.quietSeconds,
    grace.sweepSeconds,
  ]);
  return { total: Number(found[0]?.total ?? 0), rows: found.map(({ row }) => row) };
}

/**
 * The id of a job that was deleted may be given again: then there are several lives under it, and a row of the audit tells
 * of the present one if no deletion came after it.
 */
export const isOfThisLife = (event: string): string => `NOT EXISTS (
    SELECT FROM audit_event AS gone
    WHERE gone.tenant_id = ${event}.tenant_id AND gone.resource_type = 'job' AND gone.resource_id = ${event}.resource_id
      AND gone.action = 'job.deleted' AND gone.event_id > ${event}.event_id
  )`;

/** A job that came from a legacy file begins in any state, with what that file knew of its past. */
export const wasMigrated = (job: string): string => `EXISTS (
    SELECT FROM audit_event AS birth
    WHERE birth.tenant_id = ${job}.tenant_id AND birth.resource_type = 'job' AND birth.resource_id = ${job}.job_id
      AND birth.from_status IS NULL AND birth.action = 'job.migrated' AND ${isOfThisLife('birth')}
  )`;
