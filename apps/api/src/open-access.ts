import type { Configuration } from '#configuration';
import type { Database } from '#database';
import type { Closing } from '#health';
import type { Logger } from '#observability';
import { AccessTokens, ApiKeys, Authentication, DeniedAttempts, KeyUses, Tenants } from '#tenancy';
import { NOBODY } from './http/denials.js';

/** Who may in: the keys, the issuer that is trusted, and what is remembered of who was let in and who was not. */
export interface Access {
  keys: ApiKeys;
  authentication: Authentication;
  denied: DeniedAttempts;
}

/** Puts it together. What is left to write is written when the program closes, after its last answer. */
export function openAccess(
  configuration: Configuration<'api'>,
  database: Database,
  logger: Logger,
  closing: Closing,
): Access {
  const tenants = new Tenants(database);
  const uses = new KeyUses(database, (error) => {
    logger.warn({ event: 'SS_API_KEY_USE_NOT_NOTED', err: error }, 'the next use of the key is noted');
  });
  closing.add(() => uses.settled());
  const denied = new DeniedAttempts(database, NOBODY, {
    onError: (error) => {
      logger.warn({ event: 'SS_API_DENIALS_NOT_WRITTEN', err: error }, 'will be tried again');
    },
  });
  closing.add(() => denied.stop());
  const keys = new ApiKeys(database, tenants, uses);
  const tokens = tokensOf(configuration, tenants);
  if (tokens) {
    const { oidcIssuer, oidcAudience } = configuration;
    logger.info(
      { event: 'SS_API_TOKENS_TAKEN', issuer: oidcIssuer, audience: oidcAudience },
      'access tokens are taken beside keys',
    );
  }
  return { keys, authentication: new Authentication(keys, tokens), denied };
}

function tokensOf(configuration: Configuration<'api'>, tenants: Tenants): AccessTokens | null {
  const { oidcIssuer: issuer, oidcAudience: audience, oidcJwksUrl: jwksUrl } = configuration;
  if (issuer === null || audience === null) return null;
  const { oidcTenantClaim: tenantClaim, oidcScopeClaim: scopeClaim, oidcScopePrefix } = configuration;
  const scopePrefix = oidcScopePrefix ?? '';
  return new AccessTokens(tenants, { issuer, audience, jwksUrl, tenantClaim, scopeClaim, scopePrefix });
}
