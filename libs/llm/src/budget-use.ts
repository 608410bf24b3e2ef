import type { Tx } from '#database';

/** The share of one of its budgets that a tenant has used today. */
export interface BudgetUse {
  tenantId: string;
  budget: 'calls' | 'tokens' | 'cost';
  ratio: number;
}

/** $1 how many tenants. A budget of nothing is used up. */
const READ_BUDGETS = `
  WITH used AS (
    SELECT limits.tenant_id, kinds.budget,
      CASE WHEN kinds.most = 0 THEN 1 ELSE coalesce(kinds.spent, 0) / kinds.most END AS ratio
    FROM tenant_drafting AS limits
    LEFT JOIN llm_budget_day AS today ON today.tenant_id = limits.tenant_id
      AND today.day = (clock_timestamp() AT TIME ZONE 'UTC')::date
    CROSS JOIN LATERAL (
      VALUES ('calls', limits.calls_per_day::float8, today.calls::float8),
        ('tokens', limits.tokens_per_day::float8, today.tokens::float8),
        ('cost', limits.cost_micros_per_day::float8, today.cost_micros::float8)
    ) AS kinds (budget, most, spent)
    WHERE kinds.most IS NOT NULL
  ), fullest AS (
    SELECT tenant_id FROM used GROUP BY tenant_id ORDER BY max(ratio) DESC, tenant_id LIMIT $1
  )
  SELECT tenant_id AS "tenantId", budget, ratio FROM used JOIN fullest USING (tenant_id)`;

/** Of the tenants that have used most of a budget today, each budget that they have. */
export async function budgetUse(tx: Tx, tenants: number): Promise<BudgetUse[]> {
  return tx.query<BudgetUse & Record<string, unknown>>(READ_BUDGETS, [tenants]);
}
