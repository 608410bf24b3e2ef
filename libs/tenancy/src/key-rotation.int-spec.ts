import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aTenant, eventually, type TestDatabase, testDatabase } from '#testing';
import { type ApiKey, ApiKeys, type MadeKey } from './api-keys.js';
import type { Caller } from './caller.js';
import { KeyUses } from './key-uses.js';
import type { KeyScope } from './scopes.js';
import { Tenants } from './tenants.js';

const anonymous = { actor: { kind: 'anonymous', id: '-' }, source: 'api', requestId: 'r-1' } as const;
const DAY = 86_400;

let db: TestDatabase;
let uses: KeyUses;
/** With the API's rights. */
let keys: ApiKeys;
let admin: ApiKeys;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  const api = db.database('ss_api');
  uses = new KeyUses(api, (error) => {
    throw error;
  });
  keys = new ApiKeys(api, new Tenants(api), uses);
  admin = new ApiKeys(db.database('ss_operator'), new Tenants(db.database('ss_operator')));
  tenantId = await aTenant(db);
});
afterAll(async () => {
  await uses.settled();
  await db.drop();
});

const operator = () =>
  ({ actor: { kind: 'operator', id: 'root' }, source: 'ssctl', reason: 'a test', tenantId }) as const;
const make = (scopes: string[] = ['jobs:read'], expiresAt: string | null = null): Promise<MadeKey> =>
  admin.create(operator(), { name: 'a key', scopes, expiresAt });
const caller = (...scopes: KeyScope[]): Caller => ({
  ...{ tenantId, actor: { kind: 'api_key', id: 'key_admin' }, name: 'admin', scopes },
});
const asked = (by: Caller) => ({ tenantId, actor: by.actor, source: 'api' });
const shown = async (keyId: string): Promise<ApiKey> =>
  (await keys.list(operator())).find((key) => key.key_id === keyId)!;
const actionsOf = async (keyId: string): Promise<unknown[]> =>
  (
    await db.sql<{ action: string }>(
      'SELECT action FROM audit_event WHERE resource_id = $1 ORDER BY event_id',
      [keyId],
    )
  ).map(({ action }) => action);

describe('a rotated key', () => {
  it('is valid beside its successor until the overlap is over; the successor may do the same', async () => {
    const { key, apiKey } = await make(['jobs:read', 'audit:read']);
    const { key: next, apiKey: successor, old } = await admin.rotate(operator(), apiKey.key_id, DAY);
    expect(successor).toMatchObject({ scopes: apiKey.scopes, name: 'a key', rotated_from: apiKey.key_id });
    expect(successor.expires_at).toBeNull();
    expect(Math.abs(Date.parse(old.expires_at!) - Date.now() - DAY * 1_000)).toBeLessThan(60_000);
    for (const text of [key, next])
      expect((await keys.authenticate(anonymous, text, null)).scopes).toEqual(apiKey.scopes);
    await db.sql('UPDATE api_key SET expires_at = clock_timestamp() WHERE key_id = $1', [apiKey.key_id]);
    await expect(keys.authenticate(anonymous, key, null)).rejects.toMatchObject({
      code: 'AUTH_BEARER_TOKEN_INVALID',
    });
    await keys.authenticate(anonymous, next, null);
    expect(await actionsOf(apiKey.key_id)).toEqual(
      expect.arrayContaining(['api_key.created', 'api_key.rotated']),
    );
  });

  it('ends with the last year that an instant can be written in, however long the key was meant to be valid', async () => {
    const { apiKey } = await make(['jobs:read'], '9999-12-31T23:59:59Z');
    const { apiKey: successor } = await admin.rotate(operator(), apiKey.key_id, DAY);
    expect(Date.parse(successor.expires_at!)).toBe(Date.parse('9999-12-31T23:59:59Z'));
  });

  it('with an overlap of nothing ends at once, and no overlap lengthens what a key had left', async () => {
    const { key, apiKey } = await make();
    await admin.rotate(operator(), apiKey.key_id, 0);
    await expect(keys.authenticate(anonymous, key, null)).rejects.toThrow();
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const short = await make(['jobs:read'], soon);
    const { old, apiKey: successor } = await admin.rotate(operator(), short.apiKey.key_id, DAY);
    expect(Date.parse(old.expires_at!)).toBe(Date.parse(soon));
    // As long as the old one was meant to be: an hour, not for ever.
    expect(Math.abs(Date.parse(successor.expires_at!) - Date.parse(soon))).toBeLessThan(60_000);
  });

  it('that has ended, or is not there, is not rotated', async () => {
    const { apiKey } = await make();
    await admin.revoke(operator(), apiKey.key_id);
    await expect(admin.rotate(operator(), apiKey.key_id, DAY)).rejects.toMatchObject({
      code: 'API_KEY_ENDED',
    });
    await expect(admin.rotate(operator(), 'key_none', DAY)).rejects.toMatchObject({
      code: 'API_KEY_NOT_FOUND',
    });
  });
});

describe('an administrator of a tenant', () => {
  it('hands on the scopes that they have and no others, by making a key and by rotating one', async () => {
    const by = caller('tenant:admin', 'jobs:read');
    const { apiKey } = await keys.create(asked(by), { name: 'n', scopes: ['jobs:read'] }, by);
    expect(apiKey.scopes).toEqual(['jobs:read']);
    const refused = { code: 'API_KEY_SCOPE_NOT_HELD', facts: { scope: 'jobs:write' } };
    const greedy = { name: 'n', scopes: ['jobs:read', 'jobs:write'] };
    await expect(keys.create(asked(by), greedy, by)).rejects.toMatchObject(refused);
    const strong = await make(['jobs:read', 'jobs:write']);
    await expect(keys.rotate(asked(by), strong.apiKey.key_id, DAY, by)).rejects.toMatchObject(refused);
    expect((await shown(strong.apiKey.key_id)).expires_at).toBeNull();
    // Taking away is allowed.
    expect((await keys.revoke(asked(by), strong.apiKey.key_id, by)).revoked_at).not.toBeNull();
  });

  it('makes, rotates and revokes no key of the platform, whoever they are; nor does the API at all', async () => {
    const by = caller('platform:admin');
    const refused = { code: 'API_KEY_SCOPE_NOT_HELD' };
    const wanted = { name: 'n', scopes: ['platform:admin'] };
    await expect(keys.create(asked(by), wanted, by)).rejects.toMatchObject(refused);
    const { key, apiKey } = await make(['platform:admin']);
    await expect(keys.rotate(asked(by), apiKey.key_id, DAY, by)).rejects.toMatchObject(refused);
    await expect(keys.revoke(asked(by), apiKey.key_id, by)).rejects.toMatchObject(refused);
    await keys.authenticate(anonymous, key, null);
    // Past the rule in the program: the database refuses its role.
    await expect(keys.create(asked(by), wanted, null)).rejects.toMatchObject({ code: '42501' });
    for (const change of [`scopes = '{platform:admin}'`, `secret_hash = sha256('x')`, `tenant_id = 'x'`]) {
      const session = await db.session('ss_api', tenantId);
      expect(await session.refusal(`UPDATE api_key SET ${change}`)).toMatchObject({ code: '42501' });
      await session.end();
    }
  });
});

describe('the use of a key', () => {
  it('is on the audit the first time, and on the key at most once a minute', async () => {
    const { key, apiKey } = await make();
    expect(await shown(apiKey.key_id)).toMatchObject({ first_used_at: null, last_used_at: null });
    await Promise.all(Array.from({ length: 20 }, () => keys.authenticate(anonymous, key, null)));
    await uses.settled();
    const first = await eventually(async () => {
      const seen = await shown(apiKey.key_id);
      return seen.last_used_at === null ? null : seen;
    });
    await keys.authenticate(anonymous, key, null);
    await uses.settled();
    expect(await shown(apiKey.key_id)).toEqual(first);
    const used = await db.sql(
      `SELECT actor_kind, actor_id, request_id, tenant_id FROM audit_event
       WHERE action = 'api_key.first_used' AND resource_id = $1`,
      [apiKey.key_id],
    );
    expect(used).toEqual([
      { actor_kind: 'api_key', actor_id: apiKey.key_id, request_id: 'r-1', tenant_id: tenantId },
    ]);
    await db.sql(`UPDATE api_key SET last_used_at = last_used_at - interval '2 minutes' WHERE key_id = $1`, [
      apiKey.key_id,
    ]);
    await keys.authenticate(anonymous, key, null);
    await uses.settled();
    expect(Date.parse((await shown(apiKey.key_id)).last_used_at!)).toBeGreaterThanOrEqual(
      Date.parse(first.last_used_at!),
    );
  });

  it('that is refused is none', async () => {
    const { key, apiKey } = await make();
    await expect(keys.authenticate(anonymous, `${key.slice(0, -1)}_`, null)).rejects.toThrow();
    await uses.settled();
    expect(await shown(apiKey.key_id)).toMatchObject({ first_used_at: null });
  });
});
