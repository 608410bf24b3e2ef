import type { Tx } from '#database';
import type { JobRef } from '#queue';
import { columns, keyOf } from './write-jobs.js';

/** A job that has rows, or had them: lifted from a file with this hash; null: it was born here. */
export interface KnownJob extends JobRef {
  sha256: string | null;
}

const FIND_KNOWN = `
  SELECT job.tenant_id AS "tenantId", job.job_id AS "jobId", job.legacy_sha256 AS sha256
  FROM unnest($1::text[], $2::text[]) AS wanted (tenant_id, job_id)
  JOIN job ON job.tenant_id = wanted.tenant_id AND job.job_id = wanted.job_id`;

/** Those that were lifted, and deleted when their time was over: the audit knows from which file they came. */
const FIND_DELETED = `
  SELECT event.tenant_id AS "tenantId", event.resource_id AS "jobId", event.metadata ->> 'legacy_sha256' AS sha256
  FROM unnest($1::text[], $2::text[]) AS wanted (tenant_id, job_id)
  JOIN audit_event AS event ON event.tenant_id = wanted.tenant_id AND event.resource_type = 'job'
    AND event.resource_id = wanted.job_id
  WHERE event.action = 'job.deleted' AND event.metadata ? 'legacy_sha256'
  ORDER BY event.event_id`;

/** Those of these jobs that have rows, or had them and are not to come back, by `keyOf`. */
export async function knownJobs(tx: Tx, refs: readonly JobRef[]): Promise<Map<string, KnownJob>> {
  if (refs.length === 0) return new Map();
  const rows = await tx.query<KnownJob & Record<string, unknown>>(FIND_KNOWN, columns(refs));
  const known = new Map(rows.map((row) => [keyOf(row), row]));
  const without = refs.filter((ref) => !known.has(keyOf(ref)));
  if (without.length === 0) return known;
  const deleted = await tx.query<KnownJob & Record<string, unknown>>(FIND_DELETED, columns(without));
  return new Map([...deleted.map((row) => [keyOf(row), row] as const), ...known]);
}
