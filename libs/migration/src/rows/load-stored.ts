import type { Tx } from '#database';
import type { JobRef } from '#queue';
import { readInstant } from '../format/instant-text.js';
import { isObject, type Json, type JsonObject } from '../format/json.js';
import { parseJson } from '../format/parse-json.js';
import type { PlanRow } from './job-rows.js';
import type { StoredJob } from './stored-job.js';

/**
 * Whole jobs, each as one JSON text: PostgreSQL writes every number with all its digits, which a driver would round.
 * $1 tenants, $2 jobs.
 */
const LOAD_JOBS = `
  SELECT json_build_object(
    'job', (SELECT row_to_json(c) FROM (SELECT
      j.tenant_id, j.job_id, j.version, j.status, j.requirement, j.inputs_fingerprint, j.draft_revision, j.plan_id,
      j.needs, j.attempts, j.lease_no, j.run_id, j.trace_id, j.created_at, j.updated_at, j.confirmed_at, j.queued_at,
      j.scheduled_at, j.started_at, j.finished_at, j.schema_version, j.legacy
    ) AS c),
    'runs', (SELECT coalesce(json_agg(r ORDER BY r.lease_no), '[]') FROM (
      SELECT run_id, attempt, lease_no, started_at, ended_at, outcome, legacy
      FROM run WHERE run.tenant_id = j.tenant_id AND run.job_id = j.job_id
    ) AS r),
    'draft', (SELECT row_to_json(d) FROM (
      SELECT text, steps, created_at, jsonb_array_length(steps) > 0 AS has_steps, legacy
      FROM draft WHERE draft.tenant_id = j.tenant_id AND draft.job_id = j.job_id
      ORDER BY revision DESC LIMIT 1
    ) AS d),
    'plan', (SELECT row_to_json(p) FROM (
      SELECT plan_id, plan_version, document, draft_revision, notes, frozen_at, legacy
      FROM plan WHERE plan.tenant_id = j.tenant_id AND plan.job_id = j.job_id
    ) AS p),
    'artifacts', (SELECT coalesce(json_agg(a ORDER BY a.rel_path), '[]') FROM (
      SELECT rel_path, kind, content_type, bytes, sha256, storage_name, run_id, created_at, legacy
      FROM artifact WHERE artifact.tenant_id = j.tenant_id AND artifact.job_id = j.job_id
    ) AS a)
  )::text AS stored
  FROM unnest($1::text[], $2::text[]) AS wanted (tenant_id, job_id)
  JOIN job AS j ON j.tenant_id = wanted.tenant_id AND j.job_id = wanted.job_id
  ORDER BY j.tenant_id, j.job_id`;

/** The rows of these jobs as they stand, those that are there. */
export async function loadStored(tx: Tx, refs: readonly JobRef[]): Promise<StoredJob[]> {
  const rows = await tx.query<{ stored: string }>(LOAD_JOBS, [
    refs.map((ref) => ref.tenantId),
    refs.map((ref) => ref.jobId),
  ]);
  // The statement says which fields there are; only the instants have another form in JSON.
  return rows.map((row) => withInstants(parseJson(row.stored).value) as unknown as StoredJob);
}

const INSTANTS = new Set([
  ...['created_at', 'updated_at', 'confirmed_at', 'queued_at', 'scheduled_at', 'started_at', 'finished_at'],
  ...(['ended_at', 'frozen_at'] satisfies (keyof PlanRow | 'ended_at')[]),
]);
/** Inside of these are the tenant's values, not ours. */
const OPAQUE = new Set(['legacy', 'document', 'steps']);

function withInstants(value: Json): Json {
  if (Array.isArray(value)) return value.map(withInstants);
  if (!isObject(value)) return value;
  const read: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    if (INSTANTS.has(key) && typeof item === 'string') read[key] = readInstant(item)?.instant ?? item;
    else read[key] = OPAQUE.has(key) ? item : withInstants(item);
  }
  return read;
}
