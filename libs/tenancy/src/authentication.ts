import type { Scope } from '#database';
import { type AccessTokens, isAccessToken } from './access-tokens.js';
import type { ApiKeys } from './api-keys.js';
import type { Caller } from './caller.js';

/** Tells who asks, by what they bring: a key of ours, or an access token of the issuer that is trusted. */
export class Authentication {
  constructor(
    private readonly keys: ApiKeys,
    /** Null: no issuer is trusted, and there are keys only. */
    private readonly tokens: AccessTokens | null,
  ) {}

  async authenticate(scope: Scope, bearer: string, chosenTenant: string | null): Promise<Caller> {
    return this.tokens && isAccessToken(bearer)
      ? this.tokens.authenticate(scope, bearer, chosenTenant)
      : this.keys.authenticate(scope, bearer, chosenTenant);
  }
}
