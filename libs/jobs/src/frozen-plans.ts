import type { Instant, Tx } from '#database';
import type { Plan } from '#plans';
import type { JobRef } from '#queue';

/** The plan that was confirmed: what runs is exactly this. */
export interface FrozenPlan {
  tenant_id: string;
  job_id: string;
  plan_id: string;
  plan_version: number;
  document: Plan;
  inputs_fingerprint: string | null;
  draft_revision: number;
  notes: string | null;
  frozen_at: Instant;
}

const INSERT_PLAN = `
  INSERT INTO plan (tenant_id, job_id, plan_id, plan_version, document, inputs_fingerprint, draft_revision, notes)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`;

const FIND_PLAN = 'SELECT * FROM plan WHERE tenant_id = $1 AND job_id = $2';

/** The rows of `plan`: written once, never changed. */
export class FrozenPlans {
  async insert(tx: Tx, plan: Omit<FrozenPlan, 'frozen_at'>): Promise<void> {
    await tx.query(INSERT_PLAN, [
      plan.tenant_id,
      plan.job_id,
      plan.plan_id,
      plan.plan_version,
      JSON.stringify(plan.document),
      plan.inputs_fingerprint,
      plan.draft_revision,
      plan.notes,
    ]);
  }

  async find(tx: Tx, ref: JobRef): Promise<FrozenPlan | null> {
    const [row] = await tx.query<FrozenPlan>(FIND_PLAN, [ref.tenantId, ref.jobId]);
    return row ?? null;
  }
}
