import type { Database, TenantScope } from '#database';
import { findTenantQuota, type TenantQuota } from '#tenancy';

/** What a tenant may use, and what it uses of that now. */
export interface QuotaReport {
  quota: TenantQuota;
  current: { queued_jobs: number; running_jobs: number; storage_bytes: number };
}

const FIND_CURRENT = `
  SELECT
    (SELECT count(*) FROM job WHERE tenant_id = $1 AND status = 'queued') AS queued_jobs,
    (SELECT count(*) FROM run WHERE tenant_id = $1 AND ended_at IS NULL) AS running_jobs,
    (SELECT coalesce(sum(bytes), 0)::bigint FROM tenant_storage WHERE tenant_id = $1) AS storage_bytes`;

/** Tells a tenant, or who looks after it, how near it is to its limits. Reads only. */
export class QuotaReports {
  constructor(private readonly database: Database) {}

  async of(scope: TenantScope): Promise<QuotaReport> {
    return this.database.transaction(scope, async (tx) => {
      const quota = await findTenantQuota(tx, scope.tenantId);
      const [current] = await tx.query<QuotaReport['current'] & Record<string, unknown>>(FIND_CURRENT, [
        scope.tenantId,
      ]);
      if (!current) throw new Error('SELECT without FROM gave no row');
      return { quota, current };
    });
  }
}
