export { type ApiKey, ApiKeys, type NewKey } from './api-keys.js';
export { type Caller, requireScope } from './caller.js';
export { KeyRefused, ScopeMissing, TenantMismatch, TenantNotFound } from './refusals.js';
export { type KeyScope, SCOPES, TENANT_SCOPES } from './scopes.js';
export {
  findTenantDrafting,
  setTenantDrafting,
  type TenantDrafting,
  type TenantDraftingChange,
} from './tenant-drafting.js';
export { DEFAULT_TENANT, PLATFORM, type Tenant, Tenants } from './tenants.js';
