import { record } from '#audit';
import type { Database, Instant, TenantScope, Tx } from '#database';

/** What a tenant may use of the deployment. A limit that is null is none. */
export interface TenantQuota {
  /** Its share of the workers while others wait too: twice the weight, twice the jobs. */
  weight: number;
  queued_jobs: number | null;
  /** At a time, on all workers together. */
  running_jobs: number | null;
  /** In each process of the API. */
  requests_per_second: number | null;
  /** Of one file. */
  upload_bytes: number | null;
  /** Of all inputs and artifacts. */
  storage_bytes: number | null;
  /** How long a job that has ended is kept. */
  retention_days: number | null;
  /** Null: never set, so these are the defaults. */
  updated_at: Instant | null;
}

export type TenantQuotaChange = Partial<Omit<TenantQuota, 'updated_at'>>;

/** What holds for a tenant whose quota nobody has set. */
export const DEFAULT_QUOTA: TenantQuota = {
  weight: 100,
  queued_jobs: null,
  running_jobs: null,
  requests_per_second: null,
  upload_bytes: null,
  storage_bytes: null,
  retention_days: null,
  updated_at: null,
};

const COLUMNS = `
  weight, queued_jobs, running_jobs, requests_per_second, upload_bytes, storage_bytes, retention_days, updated_at`;

const FIND = `SELECT ${COLUMNS} FROM tenant_quota WHERE tenant_id = $1`;

/** There is a row, and nobody else changes it until the transaction ends: what the audit tells is what was changed. */
const MAKE = `
  INSERT INTO tenant_quota (tenant_id) VALUES ($1) ON CONFLICT ON CONSTRAINT tenant_quota_pkey DO NOTHING`;
const LOCK = `${FIND} FOR NO KEY UPDATE`;

const SET = `
  UPDATE tenant_quota
  SET weight = $2, queued_jobs = $3, running_jobs = $4, requests_per_second = $5, upload_bytes = $6,
    storage_bytes = $7, retention_days = $8, updated_at = clock_timestamp()
  WHERE tenant_id = $1
  RETURNING ${COLUMNS}`;

/** What holds for the tenant, in the caller's transaction. */
export async function findTenantQuota(tx: Tx, tenantId: string): Promise<TenantQuota> {
  const [row] = await tx.query<TenantQuota & Record<string, unknown>>(FIND, [tenantId]);
  return row ?? DEFAULT_QUOTA;
}

/** The rows of `tenant_quota`. They are read where each limit is kept, so that a change holds at once. */
export class TenantQuotas {
  constructor(private readonly database: Database) {}

  async find(scope: TenantScope): Promise<TenantQuota> {
    return this.database.transaction(scope, (tx) => findTenantQuota(tx, scope.tenantId));
  }

  /** Changes what is named and leaves the rest; on the audit with what each was and is. */
  async set(scope: TenantScope, change: TenantQuotaChange): Promise<TenantQuota> {
    return this.database.transaction(scope, async (tx) => {
      const { tenantId } = scope;
      await tx.query(MAKE, [tenantId]);
      const [before = DEFAULT_QUOTA] = await tx.query<TenantQuota & Record<string, unknown>>(LOCK, [
        tenantId,
      ]);
      const next = { ...before, ...change };
      const changes = differences(before, next);
      const [after = next] = await tx.query<TenantQuota & Record<string, unknown>>(SET, [
        ...[tenantId, next.weight, next.queued_jobs, next.running_jobs, next.requests_per_second],
        ...[next.upload_bytes, next.storage_bytes, next.retention_days],
      ]);
      await record(tx, {
        action: 'tenant.quota_changed',
        resourceType: 'tenant',
        resourceId: tenantId,
        changes,
      });
      return after;
    });
  }
}

type Named = keyof TenantQuotaChange;

/** The limits that are others now, each with what it was. */
function differences(
  before: TenantQuota,
  after: TenantQuota,
): Record<string, { from: number | null; to: number | null }> {
  const { updated_at: _updated, ...limits } = DEFAULT_QUOTA;
  // The keys of the object above itself.
  const changed = (Object.keys(limits) as Named[]).filter((name) => before[name] !== after[name]);
  return Object.fromEntries(changed.map((name) => [name, { from: before[name], to: after[name] }]));
}
