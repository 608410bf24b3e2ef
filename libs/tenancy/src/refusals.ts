import { DomainError } from '#observability';
import { SCOPES } from './scopes.js';

/** No key, a key of the wrong form, unknown, expired or revoked: which of these it was is not told. */
export class KeyRefused extends DomainError {
  constructor(code: 'AUTH_BEARER_TOKEN_MISSING' | 'AUTH_BEARER_TOKEN_INVALID', detail: string) {
    super(code, detail);
  }
}

export class ScopeMissing extends DomainError {
  constructor(scope: string) {
    super('AUTH_SCOPE_MISSING', `This key does not have the scope ${scope}. Ask for one that has.`, {
      scope,
    });
  }
}

export class TenantMismatch extends DomainError {
  constructor() {
    super(
      'TENANT_MISMATCH',
      'X-SS-Tenant-ID names another tenant than the key belongs to. Leave the header out, or use that tenant’s key.',
    );
  }
}

export class TenantNotFound extends DomainError {
  constructor(tenantId: string) {
    super('TENANT_NOT_FOUND', 'There is no tenant of this name.', { tenant_id: tenantId });
  }
}

export class TenantAlreadyExists extends DomainError {
  constructor(tenantId: string) {
    super('TENANT_ALREADY_EXISTS', `A tenant named ${tenantId} exists already.`, { tenant_id: tenantId });
  }
}

export class TenantIdUnsafe extends DomainError {
  constructor() {
    super(
      'TENANT_ID_UNSAFE',
      'A tenant is named by 1 to 63 lower-case letters, digits, hyphens and underscores, a letter or digit first.',
    );
  }
}

export class KeyNotFound extends DomainError {
  constructor(keyId: string) {
    super('API_KEY_NOT_FOUND', 'There is no such key.', { key_id: keyId });
  }
}

export class KeyScopeUnknown extends DomainError {
  constructor(scope: string) {
    super('API_KEY_SCOPE_UNKNOWN', `Unknown scope ${scope}. Known are: ${SCOPES.join(', ')}.`, { scope });
  }
}
