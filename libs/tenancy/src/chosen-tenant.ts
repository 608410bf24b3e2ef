import type { Scope } from '#database';
import type { Caller } from './caller.js';
import { TenantMismatch, TenantNotFound } from './refusals.js';
import type { Tenants } from './tenants.js';

/**
 * The caller, for the tenant that `X-SS-Tenant-ID` names: it may repeat the caller's own, or name another where the
 * caller has `platform:admin`.
 */
export async function forChosenTenant(
  tenants: Tenants,
  scope: Scope,
  caller: Caller,
  chosenTenant: string | null,
): Promise<Caller> {
  const { tenantId, actor } = caller;
  if (chosenTenant === null || chosenTenant === tenantId) return caller;
  if (!caller.scopes.includes('platform:admin')) throw new TenantMismatch({ tenantId, actor });
  if (!(await tenants.exists(scope, chosenTenant)))
    throw new TenantNotFound(chosenTenant, { tenantId, actor });
  return { ...caller, tenantId: chosenTenant };
}
