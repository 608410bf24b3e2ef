import type { Tx } from '#database';
import type { JobRef } from '#queue';
import { columns, keyOf } from './write-jobs.js';

/** A job that has rows: lifted from a file with this hash; null: it was born here. */
export interface KnownJob extends JobRef {
  sha256: string | null;
}

const FIND_KNOWN = `
  SELECT job.tenant_id AS "tenantId", job.job_id AS "jobId", job.legacy_sha256 AS sha256
  FROM unnest($1::text[], $2::text[]) AS wanted (tenant_id, job_id)
  JOIN job ON job.tenant_id = wanted.tenant_id AND job.job_id = wanted.job_id`;

/** Those of these jobs that have rows, by `keyOf`. */
export async function knownJobs(tx: Tx, refs: readonly JobRef[]): Promise<Map<string, KnownJob>> {
  if (refs.length === 0) return new Map();
  const rows = await tx.query<KnownJob & Record<string, unknown>>(FIND_KNOWN, columns(refs));
  return new Map(rows.map((row) => [keyOf(row), row]));
}
