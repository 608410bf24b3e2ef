import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  aTenant,
  eventually,
  type PgBouncer,
  pgBouncerProgram,
  startPgBouncer,
  type TestDatabase,
  testDatabase,
} from '#testing';
import pg from 'pg';
import { Database, type DatabaseOptions } from './database.js';
import { isUnavailable } from './faults.js';
import { NotListening } from './listen.js';
import type { TenantScope } from './scope.js';

const isInstalled = pgBouncerProgram() !== null;
if (!isInstalled) process.stderr.write('PgBouncer is not installed: its tests are skipped\n');

let db: TestDatabase;
let pooler: PgBouncer;
let tenants: [string, string];
const opened: Database[] = [];

beforeAll(async () => {
  if (!isInstalled) return;
  db = await testDatabase();
  // One connection to the server for everyone: whatever one transaction leaves, the next one finds.
  pooler = await startPgBouncer({ logins: db.logins, poolSize: 1 });
  tenants = [await aTenant(db), await aTenant(db)];
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
});
afterAll(async () => {
  if (!isInstalled) return;
  await pooler.close();
  await db.drop();
});

const login = (): string => db.logins.find((url) => url.includes('ss_api'))!;
function open(given: Partial<DatabaseOptions> = {}): Database {
  const database = new Database({
    ...{ url: pooler.through(login()), role: 'ss_api', applicationName: 'test', poolSize: 5 },
    onError: () => undefined,
    ...given,
  });
  opened.push(database);
  return database;
}

const scope = (tenantId: string): TenantScope => ({
  tenantId,
  actor: { kind: 'api_key', id: `key of ${tenantId}` },
  source: 'test',
});

interface Seen {
  pid: number;
  role: string;
  tenant: string;
  actor: string;
  bounds: string[];
  tenants: string[];
}

const SEE = `
  SELECT pg_backend_pid() AS pid, current_user AS role, current_setting('ss.tenant_id') AS tenant,
    current_setting('ss.actor_id') AS actor,
    ARRAY[current_setting('statement_timeout'), current_setting('lock_timeout'),
      current_setting('idle_in_transaction_session_timeout'), current_setting('TimeZone')] AS bounds,
    ARRAY(SELECT tenant_id FROM tenant) AS tenants`;

(isInstalled ? describe : describe.skip)('behind PgBouncer in transaction mode', () => {
  it('sends nothing that PgBouncer refuses, as it does a setting of the session', async () => {
    await open().ping();
    const strict = new pg.Client({
      connectionString: pooler.through(login()),
      options: '-c TimeZone=UTC',
    });
    strict.on('error', () => undefined);
    const refusal: unknown = await strict.connect().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ message: expect.stringContaining('startup parameter') });
    expect(isUnavailable(refusal)).toBe(false);
  });

  it('keeps two tenants apart that take turns on one connection of the server', async () => {
    const database = open({ statementTimeoutMs: 4_000 });
    const seen = await Promise.all(
      Array.from({ length: 60 }, (_, turn) => {
        const tenantId = tenants[turn % 2]!;
        return database.transaction(scope(tenantId), async (tx) => {
          const [first] = await tx.query<{ tenant: string }>(
            `SELECT current_setting('ss.tenant_id') AS tenant`,
          );
          const [row] = await tx.query<Seen>(SEE);
          return { ...row!, mine: tenantId, first: first!.tenant };
        });
      }),
    );
    expect(new Set(seen.map(({ pid }) => pid)).size).toBe(1);
    for (const { mine, first, tenant, actor, role, bounds, tenants: visible } of seen) {
      expect([first, tenant, actor, visible]).toEqual([mine, mine, `key of ${mine}`, [mine]]);
      expect([role, bounds]).toEqual(['ss_api', ['4s', '4s', '10s', 'UTC']]);
    }
    // Who comes next without a scope has nothing of theirs: no role, no tenant, no row.
    const bare = new pg.Client({ connectionString: pooler.through(login()) });
    await bare.connect();
    const { rows } = await bare.query<Seen>(
      `SELECT pg_backend_pid() AS pid, current_user AS role, coalesce(current_setting('ss.tenant_id', true), '') AS tenant,
         ARRAY[current_setting('statement_timeout'), current_setting('lock_timeout')] AS bounds`,
    );
    await bare.end();
    expect(rows).toEqual([{ pid: seen[0]!.pid, role: 'ss_api_login', tenant: '', bounds: ['0', '0'] }]);
  });

  it('keeps Prisma’s transactions apart as well', async () => {
    const database = open();
    const seen = await Promise.all(
      Array.from({ length: 10 }, (_, turn) =>
        database.withPrisma(scope(tenants[turn % 2]!), (prisma) => prisma.tenant.findMany()),
      ),
    );
    expect(seen.map((rows) => rows.map((row) => row.tenant_id))).toEqual(
      Array.from({ length: 10 }, (_, turn) => [tenants[turn % 2]!]),
    );
  });

  it('bounds statements and locks, and leaves the connection to others', async () => {
    const database = open({ statementTimeoutMs: 300 });
    const slow = database.transaction(scope(tenants[0]), (tx) => tx.query('SELECT pg_sleep(10)'));
    await expect(slow).rejects.toMatchObject({ code: '57014' });
    const holder = await db.session('ss_owner');
    await holder.query('SELECT pg_advisory_xact_lock(1)');
    const waiting = database.transaction(scope(tenants[0]), async (tx) => {
      await tx.query(`SELECT set_config('lock_timeout', '50', true)`);
      await tx.query('SELECT pg_advisory_xact_lock(1)');
    });
    await expect(waiting).rejects.toMatchObject({ code: '55P03' });
    await holder.end();
    await open().ping();
  });

  it('says once that notifications do not arrive, and hears them by the direct URL', async () => {
    const told: Error[] = [];
    const onError = (error: Error): void => void told.push(error);
    const heard: string[] = [];
    const deaf = open({ onError }).listen('ss test', (payload) => heard.push(payload));
    await eventually(() => told.length > 0, 10_000);
    expect(told).toEqual([expect.any(NotListening)]);
    expect(told[0]!.message).toContain('DATABASE_DIRECT_URL');
    expect(heard).toEqual([]);
    await deaf.close();

    const hearing = open({ directUrl: login() }).listen('ss test', (payload) => heard.push(payload));
    await eventually(() => heard.includes(''));
    await open().transaction(scope(tenants[0]), (tx) => tx.query(`SELECT pg_notify('ss test', 'one')`));
    await eventually(() => heard.includes('one'), 1_000);
    await hearing.close();
  });
});
