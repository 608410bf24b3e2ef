import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { IssuerUnavailable } from './refusals.js';

export interface IssuerKeysOptions {
  /** The issuer, exactly as its tokens name it. */
  issuer: string;
  /** Where its keys are; null: it is asked (OpenID Connect Discovery). */
  jwksUrl: string | null;
  /** An unknown key is looked for at the issuer, but not again within this time. */
  refetchMs?: number;
  /** The longest wait for an answer of the issuer. */
  timeoutMs?: number;
}

const REFETCH_MS = 10_000;
const TIMEOUT_MS = 3_000;
/** Keys that the issuer has taken back are no longer believed after this time. */
const MAX_AGE_MS = 10 * 60_000;
/** After a failure the issuer is left alone for so long: requests are refused at once, not one by one after a wait. */
const PAUSE_MS = 2_000;

/** The public keys of an issuer, fetched when first needed and kept for a while. */
export class IssuerKeys {
  private set: Promise<JWTVerifyGetKey> | null = null;
  private failedAt = -Infinity;

  constructor(private readonly options: IssuerKeysOptions) {}

  /** The key that a token says it was signed with. Throws `AUTH_ISSUER_UNAVAILABLE` when that cannot be told now. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    try {
      this.set ??= this.open();
      return await (
        await this.set
      )(header, token);
    } catch (error) {
      // An issuer that answers with something else than keys tells as little as one that does not answer.
      if (error instanceof errors.JWKSInvalid) throw new IssuerUnavailable('keys', error);
      throw error;
    }
  };

  private async open(): Promise<JWTVerifyGetKey> {
    const { jwksUrl, refetchMs = REFETCH_MS, timeoutMs = TIMEOUT_MS } = this.options;
    try {
      const url = jwksUrl ?? (await this.discover());
      return createRemoteJWKSet(new URL(url), {
        ...{ cooldownDuration: refetchMs, timeoutDuration: timeoutMs, cacheMaxAge: MAX_AGE_MS },
        [customFetch]: async (at, { signal }) => Response.json(await this.fetchJson(at, 'keys', signal)),
      });
    } catch (error) {
      this.set = null;
      throw error;
    }
  }

  private async discover(): Promise<string> {
    const { issuer, timeoutMs = TIMEOUT_MS } = this.options;
    const at = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = await this.fetchJson(at, 'configuration', AbortSignal.timeout(timeoutMs));
    const told: Record<string, unknown> =
      typeof document === 'object' && document !== null ? { ...document } : {};
    const url = told['jwks_uri'];
    if (told['issuer'] !== issuer || typeof url !== 'string' || !URL.canParse(url))
      throw new IssuerUnavailable('configuration');
    return url;
  }

  private async fetchJson(url: string, what: string, signal: AbortSignal): Promise<unknown> {
    if (performance.now() - this.failedAt < PAUSE_MS) throw new IssuerUnavailable(what);
    try {
      const response = await fetch(url, {
        signal,
        redirect: 'error',
        headers: { accept: 'application/json' },
      });
      if (response.status !== 200) throw new Error(`status ${String(response.status)}`);
      return await response.json();
    } catch (error) {
      this.failedAt = performance.now();
      throw new IssuerUnavailable(what, error);
    }
  }
}
