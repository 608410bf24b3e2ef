import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { aTenant, eventually, type TestDatabase, testDatabase } from '#testing';
import { Database, type DatabaseOptions } from './database.js';
import { isTransient, isUnavailable } from './faults.js';
import type { TenantScope } from './scope.js';
import type { Tx } from './tx.js';

let db: TestDatabase;
let tenantId: string;
const opened: Database[] = [];

beforeAll(async () => {
  db = await testDatabase();
  tenantId = await aTenant(db);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
});
afterAll(async () => {
  await db.drop();
});

function open(given: Partial<DatabaseOptions> = {}): Database {
  const database = new Database({
    ...{ url: db.apiUrl, role: 'ss_api', applicationName: 'test', poolSize: 1, onError: () => undefined },
    ...given,
  });
  opened.push(database);
  return database;
}

const scope = (given: Partial<TenantScope> = {}): TenantScope => ({
  ...{
    tenantId,
    actor: { kind: 'api_key', id: 'key-1' },
    source: 'test',
    requestId: 'req-1',
    reason: 'because',
  },
  ...given,
});

const SETTINGS = `
  SELECT current_user AS role, current_setting('ss.tenant_id', true) AS tenant, current_setting('ss.actor_kind', true) AS kind,
    current_setting('ss.actor_id', true) AS actor, current_setting('ss.source', true) AS source,
    current_setting('ss.request_id', true) AS request, current_setting('ss.reason', true) AS reason,
    current_setting('ss.action', true) AS action, pg_backend_pid() AS pid`;
const settings = async (tx: Tx): Promise<Record<string, unknown>> =>
  (await tx.query<Record<string, unknown>>(SETTINGS))[0]!;

describe('a transaction', () => {
  it('works under the role and for whom its scope says', async () => {
    expect(await open().transaction(scope(), settings)).toMatchObject({
      ...{ role: 'ss_api', tenant: tenantId, kind: 'api_key', actor: 'key-1' },
      ...{ source: 'test', request: 'req-1', reason: 'because' },
    });
  });

  it('leaves nothing of its scope to the next on the same connection, whether it commits or fails', async () => {
    const database = open();
    const first = await database.transaction(scope(), async (tx) => {
      await tx.describe('job.something', { a: 1 });
      return settings(tx);
    });
    const failing = database.transaction(scope({ actor: { kind: 'operator', id: 'op' } }), async (tx) =>
      tx.query('SELECT 1 / 0'),
    );
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    const bare = { actor: { kind: 'anonymous', id: 'nobody' }, source: 'next' } as const;
    expect(await database.withoutTenant(bare, settings)).toEqual({
      ...{
        role: 'ss_api',
        tenant: '',
        kind: 'anonymous',
        actor: 'nobody',
        source: 'next',
        request: '',
        reason: '',
      },
      ...{ action: '', pid: first['pid'] },
    });
  });

  it('leaves nothing of Prisma’s scope to the next either', async () => {
    const database = open();
    const tenants = await database.withPrisma(scope(), (prisma) => prisma.tenant.findMany());
    expect(tenants.map((tenant) => tenant.tenant_id)).toEqual([tenantId]);
    const bare = { actor: { kind: 'anonymous', id: 'nobody' }, source: 'next' } as const;
    expect(await database.withoutTenant(bare, (tx) => tx.query('SELECT FROM tenant'))).toEqual([]);
  });

  it('across tenants is refused to the API, and open to the worker by name', async () => {
    const bare = { actor: { kind: 'worker', id: 'w' }, source: 'test' } as const;
    await expect(open().acrossTenants(bare, settings)).rejects.toMatchObject({ code: '42501' });
    expect(await db.database('ss_worker').acrossTenants(bare, settings)).toMatchObject({
      role: 'ss_system',
      tenant: '',
    });
  });

  it('that the server rolled back at its end is no success', async () => {
    const swallowing = open().transaction(scope(), async (tx) => {
      await tx.query('SELECT 1 / 0').catch(() => undefined);
      return 'fine';
    });
    await expect(swallowing).rejects.toThrow('rolled back');
  });

  it('is tried again after a deadlock, from its beginning', async () => {
    await db.sql('CREATE TABLE pair (n integer PRIMARY KEY, hits integer NOT NULL DEFAULT 0)');
    await db.sql('INSERT INTO pair VALUES (1), (2); GRANT SELECT, UPDATE ON pair TO ss_api');
    const database = open({ poolSize: 2 });
    const begun: number[] = [];
    const locked = { first: 0 };
    const visit = (one: number, other: number): Promise<void> =>
      database.transaction(scope(), async (tx) => {
        begun.push(one);
        await tx.query('UPDATE pair SET hits = hits + 1 WHERE n = $1', [one]);
        locked.first += 1;
        await eventually(() => locked.first >= 2);
        await tx.query('UPDATE pair SET hits = hits + 1 WHERE n = $1', [other]);
      });
    await Promise.all([visit(1, 2), visit(2, 1)]);
    expect(begun.length).toBeGreaterThan(2);
    expect(await db.sql('SELECT hits FROM pair')).toEqual([{ hits: 2 }, { hits: 2 }]);
  });

  it('gives up on what does not pass, and does not repeat what is no collision', async () => {
    let tries = 0;
    const colliding = open().transaction(scope(), async (tx) => {
      tries += 1;
      await tx.query(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$`);
    });
    const error: unknown = await colliding.catch((fault: unknown) => fault);
    expect([isTransient(error), tries]).toEqual([true, 4]);
    tries = 0;
    const wrong = open().transaction(scope(), async (tx) => {
      tries += 1;
      await tx.query('SELECT 1 / 0');
    });
    await expect(wrong).rejects.toMatchObject({ code: '22012' });
    expect(tries).toBe(1);
  });

  it.each(['while a statement runs', 'between two statements'])(
    'whose connection breaks %s is unavailable, and the next gets a new connection',
    async (when) => {
      const database = open();
      let pid: unknown;
      const breaking = database.transaction(scope(), async (tx) => {
        ({ pid } = await settings(tx));
        if (when === 'while a statement runs') {
          const sleeping = tx.query('SELECT pg_sleep(30)');
          await Promise.all([sleeping, db.sql('SELECT pg_terminate_backend($1)', [pid])]);
          return;
        }
        await db.sql('SELECT pg_terminate_backend($1)', [pid]);
        await eventually(
          async () => (await db.sql('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])).length === 0,
        );
        // One round trip elsewhere, so that the bad news has arrived.
        await new Promise((resolve) => setTimeout(resolve, 50));
        await tx.query('SELECT 1');
      });
      const error: unknown = await breaking.catch((fault: unknown) => fault);
      expect(error).toBeInstanceOf(Error);
      expect({ error, unavailable: isUnavailable(error) }).toMatchObject({ unavailable: true });
      const next = await database.transaction(scope(), settings);
      expect(next['pid']).not.toBe(pid);
    },
  );

  it('tells what was to be told after its commit, once, and nothing when it does not commit', async () => {
    const told: string[] = [];
    const database = open();
    await database.transaction(scope(), async (tx) => {
      tx.afterCommit(() => told.push('committed'));
      await tx.query('SELECT 1');
      expect(told).toEqual([]);
    });
    expect(told).toEqual(['committed']);
    const failing = database.transaction(scope(), (tx) => {
      tx.afterCommit(() => told.push('failed'));
      return tx.query('SELECT 1 / 0');
    });
    await expect(failing).rejects.toThrow();
    const swallowing = database.transaction(scope(), async (tx) => {
      tx.afterCommit(() => told.push('rolled back'));
      await tx.query('SELECT 1 / 0').catch(() => undefined);
    });
    await expect(swallowing).rejects.toThrow('rolled back');
    let tries = 0;
    await database.transaction(scope(), async (tx) => {
      tries += 1;
      tx.afterCommit(() => told.push(`try ${tries}`));
      if (tries === 1) await tx.query(`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$`);
    });
    expect(told).toEqual(['committed', 'try 2']);
  });

  it('does not outlive the bound on its statements', async () => {
    const slow = open({ statementTimeoutMs: 200 }).transaction(scope(), (tx) =>
      tx.query('SELECT pg_sleep(10)'),
    );
    await expect(slow).rejects.toMatchObject({ code: '57014' });
  });

  it('reads instants to the microsecond and whole numbers as numbers', async () => {
    const rows = await open().transaction(scope(), (tx) =>
      tx.query(
        `SELECT timestamptz '2026-05-04 03:02:01.1234+00' AS at, timestamptz '2026-05-04 05:02:01+02' AS whole, 7::bigint AS n`,
      ),
    );
    expect(rows).toEqual([{ at: '2026-05-04T03:02:01.123400Z', whole: '2026-05-04T03:02:01.000000Z', n: 7 }]);
  });
});

describe('excessRights', () => {
  it('finds none in the logins of programs, and names those of a superuser', async () => {
    expect(await open().excessRights()).toEqual([]);
    expect(await open({ url: db.ownerUrl }).excessRights()).toEqual(['superuser', 'bypassrls', 'owner']);
  });
});
