import type { Tx } from '#database';
import { type AuditMonth, auditMonth } from './audit-month.js';
import type { Checkpoint } from './checkpoint.js';
import type { RetiredRows, Retirement } from './retirement.js';

/** A retirement as its rows have it, with what vouches for it. */
export interface RecordedRetirement extends Retirement, Pick<Checkpoint, 'keyId' | 'signature'> {
  recordSha256: Buffer;
  /** The audit names it, or that row of the audit has itself gone with a later month. */
  isNamed: boolean;
}

/**
 * The row that says so is younger than the month it speaks of, so of a chain of retirements the last one is always
 * there to be found.
 */
const LIST_RETIREMENTS = `
  SELECT to_char(month, 'YYYY-MM') AS month, row_count AS "rowCount", first_event_id AS "firstEventId",
    last_event_id AS "lastEventId", archive_name AS "archiveName", archive_sha256 AS "archiveSha256",
    record_sha256 AS "recordSha256", key_id AS "keyId", signature,
    EXISTS (
      SELECT FROM audit_event AS event
      WHERE event.tenant_id = '@platform' AND event.resource_type = 'audit_month'
        AND event.resource_id = to_char(month, 'YYYY-MM') AND event.action = 'audit.month_retired'
        AND event.metadata ->> 'record_sha256' = encode(record_sha256, 'hex')
    ) OR EXISTS (
      SELECT FROM audit_retirement AS later
      WHERE later.month = date_trunc('month', audit_retirement.retired_at AT TIME ZONE 'UTC')::date
    ) AS "isNamed"
  FROM audit_retirement
  ORDER BY month`;

const LIST_PARTS = `
  SELECT segment_no AS "segmentNo", row_count AS "rowCount", row_digests AS "rowDigests"
  FROM audit_retired_rows
  WHERE month = to_date($1, 'YYYY-MM')
  ORDER BY segment_no`;

const LIST_OF_SEGMENT = `
  SELECT to_char(month, 'YYYY-MM') AS month, segment_no AS "segmentNo", row_count AS "rowCount",
    row_digests AS "rowDigests"
  FROM audit_retired_rows
  WHERE segment_no = $1
  ORDER BY month`;

const RETIRE = `
  SELECT retire_audit_month(to_date($1, 'YYYY-MM'), $2, $3, $4, $5::bigint[], $6::integer[], $7::bytea[], $8, $9, $10)`;

/** Months that the policy lets go: of those that are there, older than $1 whole months before this one. */
const LIST_DUE = `
  SELECT to_char(month, 'YYYY-MM') AS month
  FROM (
    SELECT to_date(right(relname, 7), 'YYYY_MM') AS month
    FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'public.audit_event'::regclass AND relname ~ '^audit_event_\\d{4}_\\d{2}$'
  ) AS partition
  WHERE month + make_interval(months => $1::integer + 1) <= date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')
  ORDER BY month`;

/** How old the oldest month is that is still there, from its first day. */
const OLDEST_SECONDS = `
  SELECT extract(epoch FROM clock_timestamp() - min(to_date(right(relname, 7), 'YYYY_MM')::timestamp AT TIME ZONE 'UTC'))
    ::double precision AS seconds
  FROM pg_inherits
  JOIN pg_class ON pg_class.oid = inhrelid
  WHERE inhparent = 'public.audit_event'::regclass AND relname ~ '^audit_event_\\d{4}_\\d{2}$'`;

/** The rows of `audit_retirement`, and the one way to add to them: the function that drops the month as well. */
export class Retirements {
  async list(tx: Tx): Promise<RecordedRetirement[]> {
    const rows = await tx.query<Omit<RecordedRetirement, 'parts'> & Record<string, unknown>>(LIST_RETIREMENTS);
    const retirements: RecordedRetirement[] = [];
    for (const row of rows) {
      const parts = await tx.query<RetiredRows & Record<string, unknown>>(LIST_PARTS, [row.month]);
      retirements.push({ ...row, parts });
    }
    return retirements;
  }

  /** Which rows of a segment went, with which months. */
  async listOfSegment(tx: Tx, segmentNo: number): Promise<(RetiredRows & { month: AuditMonth })[]> {
    return tx.query<RetiredRows & { month: AuditMonth } & Record<string, unknown>>(LIST_OF_SEGMENT, [segmentNo]);
  }

  async listDue(tx: Tx, keepMonths: number): Promise<AuditMonth[]> {
    const rows = await tx.query<{ month: string }>(LIST_DUE, [keepMonths]);
    return rows.map((row) => auditMonth(row.month));
  }

  async oldestMonthSeconds(tx: Tx): Promise<number> {
    const [oldest] = await tx.query<{ seconds: number | null }>(OLDEST_SECONDS);
    return Math.max(0, oldest?.seconds ?? 0);
  }

  /** Drops the month and records it. The database refuses a month that is young, unsealed, or not of this many rows. */
  async retire(
    tx: Tx,
    retirement: Retirement,
    signed: Pick<RecordedRetirement, 'recordSha256' | 'keyId' | 'signature'>,
  ): Promise<void> {
    const { month, rowCount, archiveName, archiveSha256, parts } = retirement;
    await tx.query(RETIRE, [
      month,
      rowCount,
      archiveName,
      archiveSha256,
      parts.map((part) => part.segmentNo),
      parts.map((part) => part.rowCount),
      parts.map((part) => part.rowDigests),
      signed.recordSha256,
      signed.keyId,
      signed.signature,
    ]);
  }
}
