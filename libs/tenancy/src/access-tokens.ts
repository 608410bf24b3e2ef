import type { Scope } from '#database';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { Caller } from './caller.js';
import { forChosenTenant } from './chosen-tenant.js';
import { IssuerKeys, type IssuerKeysOptions } from './issuer-keys.js';
import { TokenRefused, TokenTenantUnknown } from './refusals.js';
import { isKeyScope, type KeyScope } from './scopes.js';
import type { Tenants } from './tenants.js';

export interface AccessTokensOptions extends IssuerKeysOptions {
  /** Who a token must be meant for: this service. */
  audience: string;
  /** The claim that names the tenant. */
  tenantClaim: string;
  /** The claim that lists what the token may do, as a list or as words. */
  scopeClaim: string;
  /** What a scope of ours begins with there; scopes without it are none of ours. */
  scopePrefix: string;
}

/** Signatures that only the issuer can make. With HMAC whoever can check a token could make one as well. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** RFC 9068 says `at+jwt`; many issuers say `JWT`, or nothing. Anything else is a token for another purpose. */
const TYPES: readonly unknown[] = ['at+jwt', 'application/at+jwt', 'jwt', undefined];
/** Clocks differ. */
const LEEWAY_SECONDS = 10;
const MAX_SUBJECT = 255;

/** Whether the text is of the form of a signed JWT. */
export function isAccessToken(text: string): boolean {
  return /^eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/.test(text);
}

/** Reads access tokens (RFC 9068, with the rules of RFC 8725) of the one issuer that is trusted. */
export class AccessTokens {
  private readonly keys: IssuerKeys;

  constructor(
    private readonly tenants: Tenants,
    private readonly options: AccessTokensOptions,
  ) {
    this.keys = new IssuerKeys(options);
  }

  /** Tells who asks. The tenant is the token's; see {@link forChosenTenant}. */
  async authenticate(scope: Scope, token: string, chosenTenant: string | null): Promise<Caller> {
    const claims = await this.verify(token);
    const { tenantClaim } = this.options;
    const tenantId = claims[tenantClaim];
    if (typeof tenantId !== 'string' || !isPlain(tenantId)) throw new TokenTenantUnknown(tenantClaim);
    if (!(await this.tenants.exists(scope, tenantId))) throw new TokenTenantUnknown(tenantClaim);
    const client = claims['client_id'] ?? claims['azp'];
    const caller: Caller = {
      tenantId,
      actor: { kind: 'oidc_subject', id: subjectOf(claims) },
      name: typeof client === 'string' ? client : subjectOf(claims),
      scopes: this.scopesOf(claims),
    };
    return forChosenTenant(this.tenants, scope, caller, chosenTenant);
  }

  private async verify(token: string): Promise<JWTPayload> {
    const { issuer, audience } = this.options;
    try {
      const { payload, protectedHeader } = await jwtVerify(token, this.keys.find, {
        ...{ issuer, audience, algorithms: ALGORITHMS },
        ...{ clockTolerance: LEEWAY_SECONDS, requiredClaims: ['exp', 'iat', 'sub'] },
      });
      if (!TYPES.includes(protectedHeader.typ?.toLowerCase())) throw new TokenRefused('typ');
      // jose looks at the time of issue only where a greatest age is asked for.
      if (payload.iat === undefined || payload.iat > Date.now() / 1_000 + LEEWAY_SECONDS)
        throw new TokenRefused('iat');
      subjectOf(payload);
      return payload;
    } catch (error) {
      if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired)
        throw new TokenRefused(error.claim);
      if (error instanceof errors.JOSEError) throw new TokenRefused(error.code);
      throw error;
    }
  }

  private scopesOf(claims: JWTPayload): KeyScope[] {
    const { scopeClaim, scopePrefix } = this.options;
    const told = claims[scopeClaim];
    const names: readonly unknown[] = Array.isArray(told)
      ? told
      : typeof told === 'string'
        ? told.split(' ')
        : [];
    const scopes = names.flatMap((name) => {
      if (typeof name !== 'string' || !name.startsWith(scopePrefix)) return [];
      const scope = name.slice(scopePrefix.length);
      return isKeyScope(scope) ? [scope] : [];
    });
    return [...new Set(scopes)];
  }
}

function subjectOf({ sub }: JWTPayload): string {
  if (sub === undefined || sub.length > MAX_SUBJECT || !isPlain(sub)) throw new TokenRefused('sub');
  return sub;
}

/** What the database can hold as text, and is some. */
function isPlain(text: string): boolean {
  return text !== '' && text.isWellFormed() && !text.includes('\0');
}
