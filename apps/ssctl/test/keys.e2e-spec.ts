import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestDatabase, testDatabase } from '#testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type Ending, ssctl } from './ssctl.js';

let db: TestDatabase;
let folder: string;

beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'ss-keys-'));
  expect((await run('tenant', 'create', 'acme')).code).toBe(0);
});
afterAll(async () => {
  await db.drop();
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]): Promise<Ending> =>
  ssctl(args, { DATABASE_URL: db.ownerUrl, SS_DATA_DIR: folder }, folder);

async function told<Answer>(...args: string[]): Promise<Answer> {
  const { code, output, errors } = await run(...args, '--json');
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  return JSON.parse(output) as Answer; // the test names the shape, and fails where it is another
}

interface Key {
  key_id: string;
  key: string;
  scopes: string[];
  expires_at: string | null;
  revoked_at: string | null;
  old?: Key;
}

/** The audit of one key, the oldest first. */
const audit = (keyId: string): Promise<Record<string, unknown>[]> =>
  db.sql(
    `SELECT action, actor_kind, actor_id, source, tenant_id, reason FROM audit_event
     WHERE resource_type = 'api_key' AND resource_id = $1 ORDER BY event_id`,
    [keyId],
  );
const BY_OPERATOR = {
  ...{ actor_kind: 'operator', actor_id: userInfo().username, source: 'ssctl', tenant_id: 'acme' },
};

describe('ssctl key', () => {
  it('makes a key that is shown once, with the scopes that were asked for', async () => {
    const made = await told<Key>('key', 'create', '--tenant', 'acme', '--scope', 'jobs:read', 'jobs:write');
    expect(made.key).toMatch(/^ssk\.YWNtZQ\.key_[0-9a-f]+\.[\w-]{43}$/);
    expect(made.scopes).toEqual(['jobs:read', 'jobs:write']);
    const listed = await run('key', 'list', '--tenant', 'acme');
    expect(listed.output).toContain(made.key_id);
    expect(listed.output).not.toContain(made.key.split('.')[3]);
    expect(await audit(made.key_id)).toEqual([{ ...BY_OPERATOR, action: 'api_key.created', reason: null }]);
  });

  it('rotates: the successor may do the same, the old one ends when the overlap is over', async () => {
    const made = await told<Key>('key', 'create', '--tenant', 'acme', '--scope', 'audit:read');
    const of = ['--tenant', 'acme', '--reason', 'as every year'];
    const next = await told<Key>('key', 'rotate', made.key_id, ...of, '--overlap', '1h');
    expect(next.scopes).toEqual(['audit:read']);
    expect(next.key_id).not.toBe(made.key_id);
    const left = Date.parse(next.old!.expires_at!) - Date.now();
    expect(left).toBeGreaterThan(50 * 60_000);
    expect(left).toBeLessThanOrEqual(60 * 60_000);
    expect(await audit(made.key_id)).toContainEqual({
      ...{ ...BY_OPERATOR, action: 'api_key.rotated', reason: 'as every year' },
    });
  });

  it('revokes for a reason, and not without one', async () => {
    const made = await told<Key>('key', 'create', '--tenant', 'acme');
    const refused = await run('key', 'revoke', made.key_id, '--tenant', 'acme');
    expect([refused.code, refused.errors]).toEqual([1, expect.stringContaining('--reason')]);
    const blank = await run('key', 'revoke', made.key_id, '--tenant', 'acme', '--reason', '  ');
    expect([blank.code, blank.errors]).toEqual([1, expect.stringContaining('--reason')]);
    expect(await audit(made.key_id)).toHaveLength(1);
    const revoked = await told<Key>('key', 'revoke', made.key_id, '--tenant', 'acme', '--reason', 'lost');
    expect(revoked.revoked_at).not.toBeNull();
    expect(await audit(made.key_id)).toContainEqual({
      ...{ ...BY_OPERATOR, action: 'api_key.revoked', reason: 'lost' },
    });
  });

  it.each([
    [['create', '--tenant', 'nobody'], 'There is no tenant of this name.'],
    [['create', '--tenant', 'acme', '--scope', 'jobs:everything'], 'jobs:everything'],
    [['create', '--tenant', 'acme', '--expires', 'soon'], 'instant'],
    [['rotate', 'key_unknown', '--tenant', 'acme'], 'There is no such key.'],
    [['rotate', 'key_unknown', '--tenant', 'acme', '--overlap', '1y'], '30d'],
    [['revoke', 'key_unknown', '--tenant', 'acme', '--reason', 'x'], 'There is no such key.'],
  ])('says what is wrong with %j, and changes nothing', async (args, said) => {
    const before = await db.sql('SELECT * FROM api_key ORDER BY key_id');
    const { code, errors } = await run('key', ...args);
    expect(code).not.toBe(0);
    expect(errors).toContain(said);
    expect(errors).not.toMatch(/\bat .*\.[jt]s:\d+/);
    expect(await db.sql('SELECT * FROM api_key ORDER BY key_id')).toEqual(before);
  });
});
