import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aTenant, type TestDatabase, testDatabase } from '#testing';
import { ApiKeys } from './api-keys.js';
import { formatKey, parseKey } from './key-text.js';
import { Tenants } from './tenants.js';

const operator = { actor: { kind: 'operator', id: 'root' }, source: 'ssctl', reason: 'a test' } as const;
const anonymous = { actor: { kind: 'anonymous', id: '-' }, source: 'api' } as const;

let db: TestDatabase;
let tenants: Tenants;
let admin: ApiKeys;
let keys: ApiKeys;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  tenants = new Tenants(db.database('ss_operator'));
  admin = new ApiKeys(db.database('ss_operator'), tenants);
  // Asked by the API, with the API's rights.
  keys = new ApiKeys(db.database('ss_api'), new Tenants(db.database('ss_api')));
  tenantId = await aTenant(db);
});
afterAll(async () => {
  await db.drop();
});

const create = async (
  scopes: string[] = ['jobs:read'],
  given: { tenantId?: string; expiresAt?: string } = {},
) =>
  admin.create(
    { ...operator, tenantId: given.tenantId ?? tenantId },
    {
      name: 'a key',
      scopes,
      ...(given.expiresAt === undefined ? {} : { expiresAt: given.expiresAt }),
    },
  );
const ask = (key: string, tenant: string | null = null) => keys.authenticate(anonymous, key, tenant);
const refused = { code: 'AUTH_BEARER_TOKEN_INVALID' };

describe('an API key', () => {
  it('tells who asks, for which tenant, and what they may', async () => {
    const { key, apiKey } = await create(['jobs:read', 'audit:read']);
    expect(await ask(key)).toEqual({
      tenantId,
      actor: { kind: 'api_key', id: apiKey.key_id },
      name: 'a key',
      scopes: ['jobs:read', 'audit:read'],
    });
  });

  it.each(['Ünïcode 部门 😀', "o'hara; --", 'with.dots/and slashes'])(
    'works for the tenant %s',
    async (name) => {
      await aTenant(db, name);
      const { key } = await create(['jobs:read'], { tenantId: name });
      expect((await ask(key)).tenantId).toBe(name);
      expect((await ask(key, name)).tenantId).toBe(name);
    },
  );

  it('is stored as a hash only: its secret is in no table', async () => {
    const { key, apiKey } = await create();
    const { secret } = parseKey(key)!;
    const tables = await db.sql<{ name: string }>(
      `SELECT c.oid::regclass::text AS name FROM pg_class AS c WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('public', 'pgboss')`,
    );
    for (const { name } of tables) {
      const found = await db.sql(`SELECT FROM ${name} AS t WHERE to_jsonb(t)::text LIKE '%' || $1 || '%'`, [
        secret,
      ]);
      expect({ name, found }).toEqual({ name, found: [] });
    }
    expect(JSON.stringify([apiKey, await admin.list({ ...operator, tenantId })])).not.toContain(secret);
    expect(JSON.stringify(await admin.list({ ...operator, tenantId }))).not.toContain('secret_hash');
  });

  it('with another secret is refused', async () => {
    const { key } = await create();
    const parts = parseKey(key)!;
    const wrong = `${parts.secret.startsWith('A') ? 'B' : 'A'}${parts.secret.slice(1)}`;
    await expect(ask(formatKey({ ...parts, secret: wrong }))).rejects.toMatchObject(refused);
  });

  it('that names another tenant is refused, also where both tenants have a key of this id', async () => {
    const other = await aTenant(db);
    const { key, apiKey } = await create();
    const parts = parseKey(key)!;
    await expect(ask(formatKey({ ...parts, tenantId: other }))).rejects.toMatchObject(refused);
    await db.sql(
      `INSERT INTO api_key SELECT $1, key_id, name, sha256('x'), scopes FROM api_key WHERE key_id = $2`,
      [other, apiKey.key_id],
    );
    await expect(ask(formatKey({ ...parts, tenantId: other }))).rejects.toMatchObject(refused);
  });

  it.each(['', 'nonsense', 'ssk.a.b.c', 'a\0b', '\ud800'])('of the form %j is refused', async (text) => {
    await expect(ask(text)).rejects.toMatchObject(refused);
  });

  it('is refused from the moment it is revoked, and revoking again changes nothing', async () => {
    const { key, apiKey } = await create();
    await ask(key);
    const revoked = await admin.revoke({ ...operator, tenantId }, apiKey.key_id);
    expect(revoked.revoked_at).not.toBeNull();
    await expect(ask(key)).rejects.toMatchObject(refused);
    expect(await admin.revoke({ ...operator, tenantId }, apiKey.key_id)).toEqual(revoked);
    const rows = await db.sql(
      'SELECT action, actor_kind, actor_id, reason FROM audit_event WHERE resource_id = $1 ORDER BY event_id',
      [apiKey.key_id],
    );
    const by = { actor_kind: 'operator', actor_id: 'root', reason: 'a test' };
    expect(rows).toEqual([
      { action: 'api_key.created', ...by },
      { action: 'api_key.revoked', ...by },
    ]);
  });

  it('of another tenant cannot be revoked', async () => {
    const { apiKey } = await create();
    const other = { ...operator, tenantId: await aTenant(db) };
    await expect(admin.revoke(other, apiKey.key_id)).rejects.toMatchObject({ code: 'API_KEY_NOT_FOUND' });
  });

  it('is refused after it expired, by the clock of the database', async () => {
    const { key } = await create(['jobs:read'], {
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    });
    await ask(key);
    await db.sql(`UPDATE api_key SET expires_at = clock_timestamp() WHERE key_id = $1`, [
      parseKey(key)!.keyId,
    ]);
    await expect(ask(key)).rejects.toMatchObject(refused);
  });

  it('may repeat its tenant, and choose no other', async () => {
    const { key } = await create(['tenant:admin']);
    expect((await ask(key, tenantId)).tenantId).toBe(tenantId);
    await expect(ask(key, await aTenant(db))).rejects.toMatchObject({ code: 'TENANT_MISMATCH' });
    await expect(ask(key, 'no-such-tenant')).rejects.toMatchObject({ code: 'TENANT_MISMATCH' });
    await expect(ask(key, '')).rejects.toMatchObject({ code: 'TENANT_MISMATCH' });
  });

  it('of the platform may choose any tenant that exists', async () => {
    const other = await aTenant(db);
    const { key } = await create(['platform:admin']);
    expect(await ask(key, other)).toMatchObject({ tenantId: other, scopes: ['platform:admin'] });
    expect((await ask(key)).tenantId).toBe(tenantId);
    await expect(ask(key, 'no-such-tenant')).rejects.toMatchObject({ code: 'TENANT_NOT_FOUND' });
  });

  it('is not made with a scope that does not exist, with none, or for a tenant that does not exist', async () => {
    await expect(create(['jobs:read', 'jobs:everything'])).rejects.toMatchObject({
      code: 'API_KEY_SCOPE_UNKNOWN',
      facts: { scope: 'jobs:everything' },
    });
    await expect(create([])).rejects.toThrow();
    await expect(create(['jobs:read'], { tenantId: 'no-such-tenant' })).rejects.toMatchObject({
      code: 'TENANT_NOT_FOUND',
    });
  });
});

describe('a tenant', () => {
  it('is made once, with its audit row, and then exists', async () => {
    expect(await tenants.create(operator, 'made-once')).toMatchObject({ tenant_id: 'made-once' });
    await expect(tenants.create(operator, 'made-once')).rejects.toMatchObject({
      code: 'TENANT_ALREADY_EXISTS',
    });
    expect(await tenants.exists(operator, 'made-once')).toBe(true);
    expect(await tenants.exists(operator, 'made-never')).toBe(false);
    expect(await db.sql(`SELECT action FROM audit_event WHERE tenant_id = 'made-once'`)).toEqual([
      { action: 'tenant.created' },
    ]);
    expect((await tenants.list(operator)).map((tenant) => tenant.tenant_id)).toContain('made-once');
  });

  it.each(['', 'Upper', '-first', 'a b', 'a/b', '..', 'é', 'x'.repeat(64)])(
    'is not named %j when it is new',
    async (name) => {
      await expect(tenants.create(operator, name)).rejects.toMatchObject({ code: 'TENANT_ID_UNSAFE' });
    },
  );

  it('cannot be made by the API', async () => {
    await expect(new Tenants(db.database('ss_api')).create(anonymous, 'by-the-api')).rejects.toMatchObject({
      code: '42501',
    });
  });
});
