import type { Tx } from '#database';
import type { PlanOptionFields, Step } from '#plans';
import { countCreated } from '../count-moves.js';
import type { NewJob } from '../job-store.js';
import type { PreparedPlan } from '../plan-freezer.js';

/** Whose id the tenant has already is left out. */
const INSERT_JOBS = `
  INSERT INTO job (
    tenant_id, job_id, requirement, priority, labels, scheduled_at, expires_at, trace_id, trace_parent, trace_state
  )
  SELECT $1, r.*
  FROM jsonb_to_recordset($2) AS r (
    "jobId" text, requirement text, priority integer, labels jsonb, "scheduledAt" timestamptz, "expiresAt" timestamptz,
    "traceId" text, "traceParent" text, "traceState" text
  )
  ON CONFLICT ON CONSTRAINT job_pkey DO NOTHING
  RETURNING job_id`;

const INSERT_DRAFTS = `
  INSERT INTO draft (tenant_id, job_id, revision, source, text, steps, plan_options)
  SELECT $1, r.job_id, 1, 'client', $3, r.steps, r.plan_options
  FROM jsonb_to_recordset($2) AS r (job_id text, steps jsonb, plan_options jsonb)`;

const INSERT_PLANS = `
  INSERT INTO plan (tenant_id, job_id, plan_id, plan_version, document, draft_revision)
  SELECT $1, r.job_id, r.plan_id, r.plan_version, r.document, 1
  FROM jsonb_to_recordset($2) AS r (job_id text, plan_id text, plan_version integer, document jsonb)`;

const INSERT_PLAN_FILES = `
  INSERT INTO artifact (tenant_id, job_id, rel_path, kind, content_type, bytes, sha256, storage_name)
  SELECT $1, r.job_id, 'plan.json', 'plan.json', 'application/json', r.bytes, r.sha256, r.storage_name
  FROM jsonb_to_recordset($2) AS r (job_id text, bytes bigint, sha256 text, storage_name text)`;

export interface DraftRow {
  job_id: string;
  steps: readonly Step[];
  plan_options: PlanOptionFields;
}

/** The rows of many new jobs of a tenant, a statement a table. */
export class BatchRows {
  /** Answers which were made. */
  async insertJobs(tx: Tx, tenantId: string, jobs: readonly NewJob[]): Promise<ReadonlySet<string>> {
    const made = await tx.query<{ job_id: string }>(INSERT_JOBS, [tenantId, JSON.stringify(jobs)]);
    made.forEach(() => {
      countCreated(tx);
    });
    return new Set(made.map(({ job_id }) => job_id));
  }

  async insertDrafts(tx: Tx, tenantId: string, drafts: readonly DraftRow[], text: string): Promise<void> {
    await tx.query(INSERT_DRAFTS, [tenantId, JSON.stringify(drafts), text]);
  }

  /** The frozen plans and their files. */
  async insertPlans(
    tx: Tx,
    tenantId: string,
    plans: readonly { jobId: string; prepared: PreparedPlan }[],
  ): Promise<void> {
    const rows = plans.map(({ jobId, prepared }) => ({
      job_id: jobId,
      plan_id: prepared.planId,
      plan_version: prepared.plan.plan_version,
      document: prepared.plan,
    }));
    await tx.query(INSERT_PLANS, [tenantId, JSON.stringify(rows)]);
    const files = plans.map(({ jobId, prepared }) => ({
      job_id: jobId,
      bytes: prepared.bytes,
      sha256: prepared.sha256,
      storage_name: prepared.storageName,
    }));
    await tx.query(INSERT_PLAN_FILES, [tenantId, JSON.stringify(files)]);
  }
}
