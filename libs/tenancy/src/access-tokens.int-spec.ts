import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { aTenant, type TestDatabase, testDatabase } from '#testing';
import { exportSPKI, type JWTPayload } from 'jose';
import { createHmac } from 'node:crypto';
import { AccessTokens, type AccessTokensOptions, isAccessToken } from './access-tokens.js';
import type { Caller } from './caller.js';
import { TestIssuer } from './issuer.fixture.js';
import { Tenants } from './tenants.js';

const scope = { actor: { kind: 'anonymous', id: '-' }, source: 'api' } as const;
const REFUSED = 'AUTH_BEARER_TOKEN_INVALID';

let db: TestDatabase;
let issuer: TestIssuer;
let tenantId: string;
let tokens: AccessTokens;

const trusting = (given: Partial<AccessTokensOptions> = {}): AccessTokens =>
  new AccessTokens(new Tenants(db.database('ss_api')), {
    ...{ issuer: issuer.url, audience: 'ss', jwksUrl: null, refetchMs: 0 },
    ...{ tenantClaim: 'tenant_id', scopeClaim: 'scope', scopePrefix: '' },
    ...given,
  });
const good = (): JWTPayload => ({ tenant_id: tenantId, scope: 'jobs:read openid jobs:write' });
const ask = (token: string, chosen: string | null = null): Promise<Caller> =>
  tokens.authenticate(scope, token, chosen);
const base64 = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const now = (): number => Math.floor(Date.now() / 1_000);

beforeAll(async () => {
  db = await testDatabase();
  tenantId = await aTenant(db);
});
afterAll(async () => {
  await db.drop();
});
beforeEach(async () => {
  issuer = await TestIssuer.start();
  tokens = trusting();
});
afterEach(async () => {
  await issuer.stop();
});

describe('an access token', () => {
  it('tells who asks, for which tenant, and what they may', async () => {
    const token = await issuer.token({ ...good(), client_id: 'portal' });
    expect(isAccessToken(token)).toBe(true);
    expect(await ask(token)).toEqual({
      tenantId,
      actor: { kind: 'oidc_subject', id: 'ada' },
      name: 'portal',
      scopes: ['jobs:read', 'jobs:write'],
    });
  });

  it('is checked with keys that are fetched once, from where the issuer says or the operator', async () => {
    for (let n = 0; n < 5; n++) await ask(await issuer.token(good()));
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/keys']);
    tokens = trusting({ jwksUrl: `${issuer.url}/keys` });
    await ask(await issuer.token(good()));
    expect(issuer.asked.slice(2)).toEqual(['/keys']);
  });

  it.each<[string, () => JWTPayload, string]>([
    ['has expired', () => ({ exp: now() - 60 }), 'exp'],
    ['is not valid yet', () => ({ nbf: now() + 60 }), 'nbf'],
    ['was issued in the future', () => ({ iat: now() + 60 }), 'iat'],
    ['is of another issuer', () => ({ iss: 'https://elsewhere.example' }), 'iss'],
    ['is of the same issuer with a slash', () => ({ iss: `${issuer.url}/` }), 'iss'],
    ['is for another audience', () => ({ aud: 'other' }), 'aud'],
    ['has no audience', () => ({ aud: undefined }) as unknown as JWTPayload, 'aud'],
    ['never expires', () => ({ exp: undefined }) as unknown as JWTPayload, 'exp'],
    ['has no subject', () => ({ sub: undefined }) as unknown as JWTPayload, 'sub'],
    ['has an empty subject', () => ({ sub: '' }), 'sub'],
    ['has a subject that no text can hold', () => ({ sub: 'a\0b' }), 'sub'],
  ])('that %s is refused', async (_name, claims, why) => {
    const token = await issuer.token({ ...good(), ...claims() });
    await expect(ask(token)).rejects.toMatchObject({ code: REFUSED, why });
  });

  it('may be a few seconds off, for clocks differ', async () => {
    expect(await ask(await issuer.token({ ...good(), exp: now() - 2, iat: now() + 2 }))).toBeDefined();
  });

  it('for another purpose is refused, and of no named purpose taken', async () => {
    await expect(ask(await issuer.token(good(), { typ: 'logout+jwt' }))).rejects.toMatchObject({
      why: 'typ',
    });
    expect(await ask(await issuer.token(good(), { typ: 'JWT' }))).toMatchObject({ tenantId });
  });

  it('without a signature, or with HMAC under the public key, is refused', async () => {
    const payload = base64({
      iss: issuer.url,
      aud: 'ss',
      sub: 'ada',
      iat: now(),
      exp: now() + 60,
      ...good(),
    });
    const none = `${base64({ alg: 'none', kid: 'first' })}.${payload}.`;
    await expect(ask(none)).rejects.toMatchObject({ code: REFUSED });
    const head = `${base64({ alg: 'HS256', kid: 'first' })}.${payload}`;
    const mac = createHmac('sha256', await exportSPKI(issuer.key.publicKey))
      .update(head)
      .digest('base64url');
    await expect(ask(`${head}.${mac}`)).rejects.toMatchObject({ code: REFUSED });
  });

  it('that was changed after it was signed is refused', async () => {
    const [head, , signature] = (await issuer.token(good())).split('.');
    const claims = { iss: issuer.url, aud: 'ss', sub: 'eve', iat: now(), exp: now() + 60, ...good() };
    await expect(ask(`${head!}.${base64(claims)}.${signature!}`)).rejects.toMatchObject({ code: REFUSED });
  });

  it('of a new key is taken after one more look, and of the old one no longer', async () => {
    const before = await issuer.token(good());
    await ask(before);
    await issuer.rotate('second');
    expect(await ask(await issuer.token(good()))).toMatchObject({ tenantId });
    await expect(ask(before)).rejects.toMatchObject({ code: REFUSED });
  });

  it('of an unknown key makes the issuer be asked once in a while, however many come', async () => {
    tokens = trusting({ refetchMs: 60_000 });
    await ask(await issuer.token(good()));
    const stranger = { ...issuer.key, kid: 'unknown' };
    for (let n = 0; n < 5; n++)
      await expect(ask(await issuer.token(good(), { key: stranger }))).rejects.toMatchObject({
        code: REFUSED,
      });
    expect(issuer.asked.filter((url) => url === '/keys')).toHaveLength(1);
  });

  it.each([
    ['names no tenant', {}],
    ['names a tenant that does not exist', { tenant_id: 'no-such-tenant' }],
    ['names its tenant as something else than text', { tenant_id: ['a'] }],
  ])('that %s is refused', async (_name, claims) => {
    const token = await issuer.token({ scope: 'jobs:read', ...claims });
    await expect(ask(token)).rejects.toMatchObject({ code: 'AUTH_TENANT_UNKNOWN' });
  });

  it('may choose no other tenant, unless it has platform:admin', async () => {
    const other = await aTenant(db);
    await expect(ask(await issuer.token(good()), other)).rejects.toMatchObject({ code: 'TENANT_MISMATCH' });
    const platform = await issuer.token({ tenant_id: tenantId, scope: 'platform:admin' });
    expect(await ask(platform, other)).toMatchObject({ tenantId: other });
  });

  it('has its scopes in the claim, as a list too, and with the prefix that was set', async () => {
    tokens = trusting({ scopeClaim: 'roles', scopePrefix: 'ss/' });
    const roles = ['ss/jobs:read', 'jobs:write', 'ss/everything', 7, 'ss/jobs:read'];
    expect(await ask(await issuer.token({ tenant_id: tenantId, roles }))).toMatchObject({
      scopes: ['jobs:read'],
    });
    expect(await ask(await issuer.token(good()))).toMatchObject({ scopes: [] });
  });
});

describe('an issuer that does not tell its keys', () => {
  it('makes a token neither good nor bad, and leaves keys that are known in use', async () => {
    const token = await issuer.token(good());
    issuer.failsWith = 500;
    await expect(ask(token)).rejects.toMatchObject({ code: 'AUTH_ISSUER_UNAVAILABLE' });
    // Left alone for a moment: the second refusal asks nobody.
    const asked = issuer.asked.length;
    await expect(ask(token)).rejects.toMatchObject({ code: 'AUTH_ISSUER_UNAVAILABLE' });
    expect(issuer.asked).toHaveLength(asked);
    issuer.failsWith = null;
    tokens = trusting();
    await ask(token);
    issuer.failsWith = 500;
    expect(await ask(token)).toMatchObject({ tenantId });
    await expect(
      ask(await issuer.token(good(), { key: { ...issuer.key, kid: 'new' } })),
    ).rejects.toMatchObject({ code: 'AUTH_ISSUER_UNAVAILABLE' });
  });

  it('is not waited for when nobody listens there, or when its document names another issuer', async () => {
    tokens = trusting({ jwksUrl: 'http://127.0.0.1:1/keys' });
    await expect(ask(await issuer.token(good()))).rejects.toMatchObject({ code: 'AUTH_ISSUER_UNAVAILABLE' });
    const wrong = trusting({ issuer: `${issuer.url}/` });
    await expect(wrong.authenticate(scope, await issuer.token(good()), null)).rejects.toMatchObject({
      code: 'AUTH_ISSUER_UNAVAILABLE',
    });
  });
});
