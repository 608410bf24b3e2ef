import type { Actor } from '#database';
import { DomainError, type ErrorCode } from '#observability';
import { SCOPES } from './scopes.js';

/** What is known of who was not let in: for the audit, and for no answer. */
export interface Suspect {
  tenantId: string;
  actor: Actor;
  /** The key whose secret did not fit, or that is no longer valid. */
  keyId?: string;
}

/** Somebody was not let in before it was settled who asks. */
export class AccessRefused extends DomainError {
  constructor(
    code: ErrorCode,
    detail: string,
    readonly suspect: Suspect | null,
    /** Why, in a word; for the audit alone. */
    readonly why: string | null = null,
  ) {
    super(code, detail);
  }
}

/** No key, a key of the wrong form, unknown, expired or revoked: which of these it was is not told. */
export class KeyRefused extends AccessRefused {
  constructor(
    code: 'AUTH_BEARER_TOKEN_MISSING' | 'AUTH_BEARER_TOKEN_INVALID',
    detail: string,
    suspect: Suspect | null = null,
  ) {
    super(code, detail, suspect);
  }
}

/** An access token that is not accepted: `why` has the claim or rule that it failed. */
export class TokenRefused extends AccessRefused {
  constructor(why: string) {
    super(
      'AUTH_BEARER_TOKEN_INVALID',
      'The access token is of the wrong form, expired, or not meant for this service.',
      null,
      why,
    );
  }
}

/** The token is good, and the tenant that it names is none of this deployment. */
export class TokenTenantUnknown extends AccessRefused {
  constructor(claim: string) {
    super('AUTH_TENANT_UNKNOWN', `The claim ${claim} of the access token names no tenant here.`, null);
  }
}

/** Whether a token is good cannot be told now; so it is neither accepted nor refused. */
export class IssuerUnavailable extends DomainError {
  constructor(what: string, cause?: unknown) {
    super(
      'AUTH_ISSUER_UNAVAILABLE',
      `The issuer of access tokens does not tell its ${what} now. Try again shortly.`,
      {},
      [],
      { cause },
    );
  }
}

export class ScopeMissing extends DomainError {
  constructor(scope: string) {
    super('AUTH_SCOPE_MISSING', `This key does not have the scope ${scope}. Ask for one that has.`, {
      scope,
    });
  }
}

export class ScopeNotHeld extends DomainError {
  constructor(scope: string) {
    const detail =
      scope === 'platform:admin'
        ? 'Keys with platform:admin are made, rotated and revoked by ssctl alone.'
        : `This key does not have the scope ${scope}, so it cannot give it.`;
    super('API_KEY_SCOPE_NOT_HELD', detail, { scope });
  }
}

export class TenantMismatch extends AccessRefused {
  constructor(suspect: Suspect) {
    super(
      'TENANT_MISMATCH',
      'X-SS-Tenant-ID names another tenant than the key belongs to. Leave the header out, or use that tenant’s key.',
      suspect,
    );
  }
}

export class TenantNotFound extends DomainError {
  constructor(
    tenantId: string,
    readonly suspect: Suspect | null = null,
  ) {
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

export class KeyEnded extends DomainError {
  constructor(keyId: string) {
    super('API_KEY_ENDED', 'The key is revoked or expired. Make a new one instead.', { key_id: keyId });
  }
}

export class KeyScopeUnknown extends DomainError {
  constructor(scope: string) {
    super('API_KEY_SCOPE_UNKNOWN', `Unknown scope ${scope}. Known are: ${SCOPES.join(', ')}.`, { scope });
  }
}

export class AuditorExists extends DomainError {
  constructor(login: string) {
    super('AUDITOR_EXISTS', `The database server has a role named ${login}. Choose another name.`, { login });
  }
}

export class AuditorNameUnsafe extends DomainError {
  constructor() {
    super(
      'AUDITOR_NAME_UNSAFE',
      'An auditor is named by 1 to 63 lower-case letters, digits and underscores, a letter first; not pg_… or ss_….',
    );
  }
}

export class AuditorNotFound extends DomainError {
  constructor(login: string) {
    super('AUDITOR_NOT_FOUND', `There is no auditor named ${login}.`, { login });
  }
}

/** What is done for a reason only, and none was given. */
export class ReasonRequired extends DomainError {
  constructor() {
    super(
      'REASON_REQUIRED',
      'Say why: `reason` in the body, or the header X-SS-Reason. It is kept in the audit.',
    );
  }
}

export class IdempotencyKeyReused extends DomainError {
  constructor() {
    super('IDEMPOTENCY_KEY_REUSED', 'This Idempotency-Key was used with another request. Take a new one.');
  }
}

export class IdempotencyKeyInProgress extends DomainError {
  constructor() {
    super(
      'IDEMPOTENCY_KEY_IN_PROGRESS',
      'The first request with this Idempotency-Key is still being carried out. Repeat it shortly.',
      { retry_after_seconds: 1 },
    );
  }
}
