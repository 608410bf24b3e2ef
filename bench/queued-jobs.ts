import type { WakeOptions } from '#queue';
import { NOOP_PLAN } from '#testing';
import { createHash } from 'node:crypto';
import { type BenchDatabase, SCOPE } from './place.js';

/** One statement of messages; small enough to be over soon. */
const AT_ONCE = 2_000;

/** $1 tenants, $2 how many each, $3 plan id, $4 plan. Named by number, so that the tenants' jobs come in turns. */
const PUT_TENANTS = `
  INSERT INTO tenant (tenant_id) SELECT 'tenant-' || n FROM generate_series(1, $1::integer) AS n
  ON CONFLICT DO NOTHING`;
const PUT_JOBS = `
  INSERT INTO job (
    tenant_id, job_id, status, version, requirement, draft_revision, plan_id, trace_id, confirmed_at, queued_at
  )
  SELECT 'tenant-' || t, 'job-' || n, 'queued', 4, 'Nothing.', 1, $3, md5(t || ' ' || n), now(), now()
  FROM generate_series(1, $2::integer) AS n CROSS JOIN generate_series(1, $1::integer) AS t`;
const PUT_DRAFTS = `
  INSERT INTO draft (tenant_id, job_id, revision, source, text, steps)
  SELECT tenant_id, job_id, 1, 'client', 'One step that does nothing.', $1::jsonb FROM job`;
const PUT_PLANS = `
  INSERT INTO plan (tenant_id, job_id, plan_id, plan_version, document, draft_revision)
  SELECT tenant_id, job_id, plan_id, 2, $1::jsonb, 1 FROM job`;

/**
 * Puts `perTenant` confirmed jobs that do nothing into the queue, for each of `tenants` tenants. The rows are put there as
 * they would be (this is what is measured on, not what is measured); the messages are sent as the API sends them.
 */
export async function queueJobs(
  place: BenchDatabase,
  { tenants, perTenant }: { tenants: number; perTenant: number },
  options: WakeOptions = {},
): Promise<void> {
  const planId = createHash('sha256').update(JSON.stringify(NOOP_PLAN)).digest('hex');
  const { owner } = place;
  await owner.query('SET session_replication_role = replica');
  await owner.query(PUT_TENANTS, [tenants]);
  await owner.query(PUT_JOBS, [tenants, perTenant, planId]);
  await owner.query(PUT_DRAFTS, [JSON.stringify(NOOP_PLAN.steps)]);
  await owner.query(PUT_PLANS, [JSON.stringify(NOOP_PLAN)]);
  await owner.query('RESET session_replication_role');
  const { rows } = await owner.query<{ tenantId: string; jobId: string }>(
    `SELECT tenant_id AS "tenantId", job_id AS "jobId" FROM job ORDER BY substr(job_id, 5)::integer, tenant_id`,
  );
  const database = place.database('ss_operator', 2);
  await place.withQueue(database, async (queue) => {
    for (let from = 0; from < rows.length; from += AT_ONCE) {
      const refs = rows.slice(from, from + AT_ONCE).map((ref) => ({ ...ref, ...options }));
      await database.acrossTenants(SCOPE, (tx) => queue.wakeAll(tx, 'job.run', refs));
    }
  });
  await owner.query('VACUUM (ANALYZE)');
}
