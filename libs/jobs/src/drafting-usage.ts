import type { Database, TenantScope } from '#database';
import { type BudgetToday, budgetToday, usageByDay, type UsageLine } from '#llm';
import { findTenantDrafting, type TenantDrafting } from '#tenancy';

export interface UsageReport {
  today: BudgetToday;
  limits: Pick<TenantDrafting, 'calls_per_day' | 'tokens_per_day' | 'cost_micros_per_day'>;
  lines: UsageLine[];
}

/** What a tenant used of language models, and what it may. */
export class DraftingUsage {
  constructor(private readonly database: Database) {}

  async report(scope: TenantScope, days: number): Promise<UsageReport> {
    return this.database.transaction(scope, async (tx) => {
      const limits = await findTenantDrafting(tx, scope.tenantId);
      return {
        today: await budgetToday(tx, scope.tenantId),
        limits,
        lines: await usageByDay(tx, scope.tenantId, days),
      };
    });
  }
}
