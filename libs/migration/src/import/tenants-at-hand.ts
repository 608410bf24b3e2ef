import { record } from '#audit';
import type { Database, Scope } from '#database';

const INSERT_TENANT = 'INSERT INTO tenant (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING tenant_id';

/** Makes sure that tenants exist. A legacy tenant keeps its name, whatever the rule for new ones is. */
export class TenantsAtHand {
  private readonly seen = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
  ) {}

  async ensure(tenantIds: Iterable<string>): Promise<void> {
    for (const tenantId of new Set(tenantIds)) {
      if (this.seen.has(tenantId)) continue;
      await this.database.transaction({ ...this.scope, tenantId }, async (tx) => {
        const made = await tx.query(INSERT_TENANT, [tenantId]);
        if (made.length > 0) {
          await record(tx, { action: 'tenant.created', resourceType: 'tenant', resourceId: tenantId });
        }
      });
      this.seen.add(tenantId);
    }
  }
}
