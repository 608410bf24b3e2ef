import { record } from '#audit';
import { type Database, type Instant, isUniqueViolation, type Scope, type Tx } from '#database';
import { TenantAlreadyExists, TenantIdUnsafe } from './refusals.js';

export interface Tenant {
  tenant_id: string;
  created_at: Instant;
}

/** The tenant of a deployment that never knew any. */
export const DEFAULT_TENANT = 'default';

/**
 * Whose audit it is when an act belongs to no tenant, such as pausing a queue. No tenant can have this name, so none
 * reads there of what was done to the whole deployment, and nothing of it stands among a tenant's own rows.
 */
export const PLATFORM = '@platform';

/** How many tenants there are; the transaction sees those of all. */
export async function countTenants(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: number }>('SELECT count(*)::float8 AS count FROM tenant');
  return row?.count ?? 0;
}

export class Tenants {
  constructor(private readonly database: Database) {}

  /** Makes a tenant. Throws `TENANT_ALREADY_EXISTS` or `TENANT_ID_UNSAFE`. */
  async create(scope: Scope, tenantId: string): Promise<Tenant> {
    if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(tenantId)) throw new TenantIdUnsafe();
    try {
      return await this.database.transaction({ ...scope, tenantId }, async (tx) => {
        const [tenant] = await tx.query<Tenant>('INSERT INTO tenant (tenant_id) VALUES ($1) RETURNING *', [
          tenantId,
        ]);
        if (!tenant) throw new Error('INSERT … RETURNING gave no row');
        await record(tx, { action: 'tenant.created', resourceType: 'tenant', resourceId: tenantId });
        return tenant;
      });
    } catch (error) {
      if (isUniqueViolation(error, 'tenant_pkey')) throw new TenantAlreadyExists(tenantId);
      throw error;
    }
  }

  async exists(scope: Scope, tenantId: string): Promise<boolean> {
    return this.database.transaction({ ...scope, tenantId }, async (tx) => {
      return (await tx.query('SELECT FROM tenant WHERE tenant_id = $1', [tenantId])).length > 0;
    });
  }

  /** Every tenant of the deployment, by name. */
  async list(scope: Scope): Promise<Tenant[]> {
    return this.database.acrossTenants(scope, (tx) =>
      tx.query<Tenant>('SELECT * FROM tenant ORDER BY tenant_id'),
    );
  }
}
