import type { Instant, Tx } from '#database';

/** What a tenant used on one day, by model. */
export interface UsageLine {
  day: string;
  provider: string;
  model: string;
  calls: number;
  answered: number;
  tokens_in: number;
  tokens_out: number;
  cost_micros: number;
}

/** What counts against today's budgets: what was used, and for calls of unknown cost an estimate. */
export interface BudgetToday {
  day: string;
  calls: number;
  tokens: number;
  cost_micros: number;
  resets_at: Instant;
}

const USAGE_BY_DAY = `
  SELECT day::text AS day, provider, model, count(*) AS calls,
    count(*) FILTER (WHERE outcome IN ('answered', 'invalid', 'late')) AS answered,
    coalesce(sum(tokens_in), 0)::bigint AS tokens_in, coalesce(sum(tokens_out), 0)::bigint AS tokens_out,
    coalesce(sum(cost_micros), 0)::bigint AS cost_micros
  FROM llm_call
  WHERE tenant_id = $1 AND day > (clock_timestamp() AT TIME ZONE 'UTC')::date - $2::integer
  GROUP BY day, provider, model
  ORDER BY day DESC, provider, model`;

const BUDGET_TODAY = `
  SELECT today.day::text AS day, coalesce(spent.calls, 0) AS calls, coalesce(spent.tokens, 0) AS tokens,
    coalesce(spent.cost_micros, 0) AS cost_micros, (today.day + 1)::timestamp AT TIME ZONE 'UTC' AS resets_at
  FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day) AS today
  LEFT JOIN llm_budget_day AS spent ON spent.tenant_id = $1 AND spent.day = today.day`;

/** The last `days` days, the newest first. */
export async function usageByDay(tx: Tx, tenantId: string, days: number): Promise<UsageLine[]> {
  return tx.query<UsageLine>(USAGE_BY_DAY, [tenantId, days]);
}

export async function budgetToday(tx: Tx, tenantId: string): Promise<BudgetToday> {
  const [row] = await tx.query<BudgetToday>(BUDGET_TODAY, [tenantId]);
  if (!row) throw new Error('today is always there');
  return row;
}
