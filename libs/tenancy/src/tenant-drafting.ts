import { record } from '#audit';
import type { Database, Instant, TenantScope, Tx } from '#database';

/** What an operator set for the drafts of a tenant. Budgets are a UTC day's; null: none. */
export interface TenantDrafting {
  calls_per_day: number | null;
  tokens_per_day: number | null;
  cost_micros_per_day: number | null;
  /** Whether a language model may see rows of the tenant's data. */
  sample_rows: boolean;
  /** Whether prompts and answers are kept as artifacts of the job. */
  keep_prompts: boolean;
  /** Whether the rules write the draft when the language model cannot be used. */
  rule_fallback: boolean;
  /** Null: never set, so these are the defaults. */
  updated_at: Instant | null;
}

const DEFAULTS: TenantDrafting = {
  calls_per_day: null,
  tokens_per_day: null,
  cost_micros_per_day: null,
  sample_rows: false,
  keep_prompts: true,
  rule_fallback: false,
  updated_at: null,
};

export type TenantDraftingChange = Partial<Omit<TenantDrafting, 'updated_at'>>;

const FIND = `
  SELECT calls_per_day, tokens_per_day, cost_micros_per_day, sample_rows, keep_prompts, rule_fallback, updated_at
  FROM tenant_drafting WHERE tenant_id = $1`;

const SET = `
  INSERT INTO tenant_drafting (
    tenant_id, calls_per_day, tokens_per_day, cost_micros_per_day, sample_rows, keep_prompts, rule_fallback
  )
  VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT ON CONSTRAINT tenant_drafting_pkey DO UPDATE
  SET calls_per_day = excluded.calls_per_day, tokens_per_day = excluded.tokens_per_day,
    cost_micros_per_day = excluded.cost_micros_per_day, sample_rows = excluded.sample_rows,
    keep_prompts = excluded.keep_prompts, rule_fallback = excluded.rule_fallback, updated_at = clock_timestamp()`;

/** What holds for the tenant's drafts, in the caller's transaction. */
export async function findTenantDrafting(tx: Tx, tenantId: string): Promise<TenantDrafting> {
  const [row] = await tx.query<TenantDrafting>(FIND, [tenantId]);
  return row ?? DEFAULTS;
}

/** Changes what is named and leaves the rest; on the audit with what was changed. */
export async function setTenantDrafting(
  database: Database,
  scope: TenantScope,
  change: TenantDraftingChange,
): Promise<TenantDrafting> {
  return database.transaction(scope, async (tx) => {
    const next = { ...(await findTenantDrafting(tx, scope.tenantId)), ...change };
    await tx.query(SET, [
      ...[scope.tenantId, next.calls_per_day, next.tokens_per_day, next.cost_micros_per_day],
      ...[next.sample_rows, next.keep_prompts, next.rule_fallback],
    ]);
    await record(tx, {
      action: 'tenant.drafting_changed',
      resourceType: 'tenant',
      resourceId: scope.tenantId,
      metadata: change,
    });
    return findTenantDrafting(tx, scope.tenantId);
  });
}
