export { AccessTokens, type AccessTokensOptions } from './access-tokens.js';
export { type ApiKey, ApiKeys, DEFAULT_OVERLAP_SECONDS, type NewKey } from './api-keys.js';
export { type Auditor, Auditors, type NewAuditor } from './auditors.js';
export { Authentication } from './authentication.js';
export { type Caller, hasScope, requireScope } from './caller.js';
export { type DeniedAttempt, DeniedAttempts } from './denied-attempts.js';
export { KeyUses } from './key-uses.js';
export {
  EventStreamsExceeded,
  QueuedJobsExceeded,
  QuotaExceeded,
  RequestsExceeded,
  StorageExceeded,
} from './quota-exceeded.js';
export {
  AccessRefused,
  IdempotencyKeyInProgress,
  IdempotencyKeyReused,
  KeyNotFound,
  KeyRefused,
  ReasonRequired,
  ScopeMissing,
  TenantMismatch,
  TenantNotFound,
} from './refusals.js';
export { MostRecent } from './most-recent.js';
export { type Allowance, RequestRates, type RequestRatesOptions } from './request-rates.js';
export {
  isRepeated,
  once,
  orRepeated,
  repeatOver,
  type RepeatableScope,
  type RepeatKey,
  transactOnce,
} from './repeated-requests.js';
export { type KeyScope, SCOPES, TENANT_SCOPES } from './scopes.js';
export {
  findTenantDrafting,
  setTenantDrafting,
  type TenantDrafting,
  type TenantDraftingChange,
} from './tenant-drafting.js';
export {
  DEFAULT_QUOTA,
  findTenantQuota,
  type TenantQuota,
  type TenantQuotaChange,
  TenantQuotas,
} from './tenant-quotas.js';
export { countTenants, DEFAULT_TENANT, PLATFORM, type Tenant, Tenants } from './tenants.js';
