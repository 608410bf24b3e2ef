import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aTenant, type Role, type TestDatabase, testDatabase } from '#testing';

const ROLES: readonly Role[] = ['ss_api', 'ss_worker', 'ss_operator', 'ss_system', 'ss_owner'];

let db: TestDatabase;
let tenantId: string;
let partitions: string[];

beforeAll(async () => {
  db = await testDatabase();
  tenantId = await aTenant(db);
  await db.sql(
    `INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source, occurred_at)
     SELECT $1, 'operator', 'test', 'test.done', 'test', 'x', 'test', day
     FROM unnest(ARRAY[now(), timestamptz '2001-01-01']) AS day`,
    [tenantId],
  );
  const rows = await db.sql<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit_event'::regclass ORDER BY 1`,
  );
  partitions = rows.map((row) => row.name);
});
afterAll(async () => {
  await db.drop();
});

const INSERT = (columns = '', values = ''): string => `
  INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source${columns})
  VALUES ($1, 'operator', 'test', 'test.done', 'test', 'x', 'test'${values})`;

describe.each(ROLES)('the audit, as %s', (role) => {
  it('refuses UPDATE, DELETE and TRUNCATE of the table and of every partition by name', async () => {
    const session = await db.session(role, tenantId);
    for (const table of ['audit_event', ...partitions]) {
      for (const statement of [`UPDATE ${table} SET reason = 'x'`, `DELETE FROM ${table}`, `TRUNCATE ${table}`]) {
        const outcome = await session.attempt(statement);
        // An empty partition has no row to refuse; TRUNCATE is refused whatever there is.
        if (outcome === 0 && !statement.startsWith('TRUNCATE')) continue;
        expect({ statement, outcome }).toMatchObject({ outcome: { code: role === 'ss_owner' ? 'SS003' : '42501' } });
      }
    }
    await session.end();
  });

  it('refuses to let a row be there twice under one key by ON CONFLICT DO UPDATE', async () => {
    const session = await db.session(role, tenantId);
    const outcome = await session.refusal(
      `${INSERT()} ON CONFLICT (tenant_id, occurred_at, event_id) DO UPDATE SET reason = 'x'`,
      [tenantId],
    );
    await session.end();
    // The owner may try; no key is ever met twice, and were it, the trigger would refuse.
    if (role !== 'ss_owner') expect(outcome).toMatchObject({ code: '42501' });
  });
});

describe('the audit', () => {
  it('has rows in the partition of this month and in the one for what no month covers', async () => {
    const [row] = await db.sql<{ partitions: string[] }>(
      'SELECT array_agg(DISTINCT tableoid::regclass::text ORDER BY tableoid::regclass::text) AS partitions FROM audit_event',
    );
    const month = new Date().toISOString().slice(0, 7).replace('-', '_');
    expect(row!.partitions).toEqual([`audit_event_${month}`, 'audit_event_other']);
  });

  it('refuses changes and removals even to a superuser', async () => {
    for (const statement of [
      `UPDATE audit_event SET reason = 'x'`,
      'DELETE FROM audit_event',
      'TRUNCATE audit_event',
      'DELETE FROM audit_event_other',
      'TRUNCATE audit_event_other',
    ]) {
      await expect(db.sql(statement)).rejects.toMatchObject({ code: 'SS003' });
    }
  });

  it.each(['ss_api', 'ss_worker', 'ss_operator'] as const)('takes a row from %s, but not its time, login or number', async (role) => {
    const session = await db.session(role, tenantId);
    expect(await session.refusal(INSERT(), [tenantId])).toBeNull();
    expect(await session.refusal(INSERT(', occurred_at', ', now()'), [tenantId])).toMatchObject({ code: '42501' });
    expect(await session.refusal(INSERT(', database_user', `, 'me'`), [tenantId])).toMatchObject({ code: '42501' });
    expect(await session.refusal(INSERT(', event_id', ', 1'), [tenantId])).toMatchObject({ code: '428C9' });
    await session.end();
  });

  it.each(['ss_api', 'ss_worker', 'ss_operator', 'ss_system'] as const)('takes no row about a job from %s: only the trigger writes those', async (role) => {
    const session = await db.session(role, tenantId);
    const aboutJob = INSERT().replace(`'test.done', 'test'`, `'job.succeeded', 'job'`);
    expect(await session.refusal(aboutJob, [tenantId])).toMatchObject({ code: '42501' });
    await session.end();
  });

  it('keeps the login that wrote a row, whatever role it took on', async () => {
    const session = await db.session('ss_api', tenantId);
    await session.query(INSERT(), [tenantId]);
    const rows = await session.query(`SELECT database_user FROM audit_event ORDER BY event_id DESC LIMIT 1`);
    await session.end();
    expect(rows).toEqual([{ database_user: 'ss_api_login' }]);
  });

  it('gets partitions that are protected like the table when months are added', async () => {
    const session = await db.session('ss_worker', tenantId);
    const [made] = await session.query<{ made: number }>('SELECT create_audit_partitions(30) AS made');
    const last = await session.query<{ name: string; protected: boolean; truncate: boolean }>(
      `SELECT c.relrowsecurity AND c.relforcerowsecurity AS protected,
         EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'audit_event_is_never_truncated') AS truncate
       FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
       WHERE inhparent = 'audit_event'::regclass`,
    );
    await session.end();
    expect(made!.made).toBe(6);
    expect(last.filter((row) => !row.protected || !row.truncate)).toEqual([]);
  });

  it('lets the API add no partitions', async () => {
    const session = await db.session('ss_api', tenantId);
    expect(await session.refusal('SELECT create_audit_partitions(30)')).toMatchObject({ code: '42501' });
    await session.end();
  });
});
