import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { aTenant, eventually, FaultProxy, type TestDatabase, testDatabase } from '#testing';
import { Database, type DatabaseOptions } from './database.js';
import { CommitUnknown } from './errors.js';
import { causeOf, isBusy, isUnavailable } from './faults.js';
import { NotListening, type Subscription } from './listen.js';
import type { TenantScope } from './scope.js';

let db: TestDatabase;
let proxy: FaultProxy;
let scope: TenantScope;
const opened: Database[] = [];
const subscriptions: Subscription[] = [];
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled);
  db = await testDatabase();
  proxy = await FaultProxy.before(db.ownerUrl);
  scope = { tenantId: await aTenant(db), actor: { kind: 'api_key', id: 'k' }, source: 'test' };
  await db.sql('CREATE TABLE mark (n integer PRIMARY KEY, hits integer NOT NULL DEFAULT 0)');
  await db.sql('GRANT SELECT, INSERT, UPDATE ON mark TO ss_api');
});
beforeEach(async () => {
  await db.sql('TRUNCATE mark');
});
afterEach(async () => {
  proxy.weather({});
  await Promise.all(subscriptions.splice(0).map((subscription) => subscription.close()));
  // Whatever happened, nobody holds a connection any more, and none is open after.
  for (const database of opened) await eventually(() => database.connectionsInUse === 0, 3_000);
  await Promise.all(opened.splice(0).map((database) => database.close()));
  await eventually(() => proxy.open === 0);
  expect(unhandled).toEqual([]);
});
afterAll(async () => {
  process.off('unhandledRejection', onUnhandled);
  await proxy.close();
  await db.drop();
});

const login = (): string => db.logins.find((url) => url.includes('ss_api'))!;
function open(given: Partial<DatabaseOptions> = {}): Database {
  const database = new Database({
    ...{ url: proxy.through(login()), role: 'ss_api', applicationName: 'outage', poolSize: 3 },
    onError: () => undefined,
    ...given,
  });
  opened.push(database);
  return database;
}

const faultOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  );
const insert = (database: Database, n: number): Promise<unknown> =>
  database.transaction(scope, (tx) => tx.query('INSERT INTO mark VALUES ($1)', [n]));
const marks = async (): Promise<number[]> =>
  (await db.sql<{ n: number }>('SELECT n FROM mark ORDER BY n')).map(({ n }) => n);
const msOf = async (work: () => Promise<unknown>): Promise<number> => {
  const before = performance.now();
  await work();
  return performance.now() - before;
};

describe('a COMMIT', () => {
  it('whose answer is lost is unknown, keeps its cause, and did happen', async () => {
    const database = open();
    const lost = proxy.onceOn('COMMIT', 'lose reply');
    const fault = await faultOf(insert(database, 1));
    await lost;
    expect(fault).toBeInstanceOf(CommitUnknown);
    expect([isUnavailable(fault), (fault as Error).cause]).toEqual([
      true,
      expect.objectContaining({ code: 'ECONNRESET' }),
    ]);
    expect(await marks()).toEqual([1]);
    await insert(database, 2);
  });

  it('that never arrived is unknown as well, and did not happen', async () => {
    const cut = proxy.onceOn('COMMIT', 'cut');
    const fault = await faultOf(insert(open(), 1));
    await cut;
    expect(fault).toBeInstanceOf(CommitUnknown);
    expect(await marks()).toEqual([]);
  });

  it('that nobody answers is unknown after the client’s bound', async () => {
    const database = open({ statementTimeoutMs: 100 });
    const stop = proxy.onStatement('COMMIT', () => {
      proxy.weather({ isSilent: true });
      return 'pass';
    });
    const fault = await faultOf(insert(database, 1));
    stop();
    proxy.weather({});
    expect(fault).toBeInstanceOf(CommitUnknown);
    expect(causeOf((fault as Error).cause)).toBe('timed_out');
    await insert(database, 2);
  });

  it('of Prisma whose answer is lost is unknown, too', async () => {
    const lost = proxy.onceOn('COMMIT', 'lose reply');
    const fault = await faultOf(
      open().withPrisma(scope, (prisma) => prisma.$executeRawUnsafe('INSERT INTO mark VALUES (1)')),
    );
    await lost;
    expect(fault).toBeInstanceOf(CommitUnknown);
    expect(await marks()).toEqual([1]);
  });

  it('is not in doubt when the statements before it failed, or the server refused it', async () => {
    const database = open();
    await insert(database, 1);
    expect(await faultOf(insert(database, 1))).toMatchObject({ code: '23505' });
    const broken = await faultOf(
      database.transaction(scope, async (tx) => {
        await tx.query('INSERT INTO mark VALUES (2)');
        proxy.reset();
        await tx.query('SELECT 1');
      }),
    );
    expect([isUnavailable(broken), broken instanceof CommitUnknown]).toEqual([true, false]);
    await db.sql(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
      CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON mark DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.n = -3) EXECUTE FUNCTION refuse()`);
    const refused = await faultOf(insert(database, -3));
    expect([refused, refused instanceof CommitUnknown]).toEqual([
      expect.objectContaining({ code: 'P0001' }),
      false,
    ]);
    expect(await marks()).toEqual([1]);
  });
});

describe('a bad network', () => {
  it('that falls silent costs the client’s bound once, and works at once when it is back', async () => {
    const database = open({ connectTimeoutMs: 400, statementTimeoutMs: 200 });
    await Promise.all([1, 2, 3].map((n) => insert(database, n)));
    proxy.weather({ isSilent: true });
    for (const ask of [
      () => insert(database, 4),
      () => database.withPrisma(scope, (prisma) => prisma.tenant.findMany()),
      () => database.ping(),
    ]) {
      let fault: unknown;
      expect(await msOf(async () => (fault = await faultOf(ask())))).toBeLessThan(4_000);
      expect({ fault, unavailable: isUnavailable(fault) }).toMatchObject({ unavailable: true });
    }
    proxy.weather({});
    expect(await msOf(() => insert(database, 5))).toBeLessThan(1_000);
    expect(await msOf(() => database.ping())).toBeLessThan(1_000);
  });

  it('that drips a byte a second does not hold a connection beyond the client’s bound', async () => {
    const database = open({ statementTimeoutMs: 300 });
    await insert(database, 1);
    proxy.weather({ bytesPerSecond: 1 });
    const fault = await faultOf(database.transaction(scope, (tx) => tx.query('SELECT 1')));
    expect(causeOf(fault)).toBe('timed_out');
    expect(database.connectionsInUse).toBe(0);
    proxy.weather({});
    await insert(database, 2);
  });

  it('that cuts in the middle of an answer leaks no connection', async () => {
    const database = open();
    await insert(database, 1);
    proxy.weather({ cutAfterBytes: 500 });
    const large = (): Promise<unknown> =>
      database.transaction(scope, (tx) => tx.query(`SELECT repeat('x', 10000)`));
    for (const fault of await Promise.all([faultOf(large()), faultOf(large()), faultOf(large())])) {
      expect(isUnavailable(fault)).toBe(true);
    }
    expect(database.connectionsInUse).toBe(0);
    proxy.weather({ refuses: true });
    proxy.reset();
    expect(isUnavailable(await faultOf(insert(database, 2)))).toBe(true);
    proxy.weather({ delayMs: 30 });
    await insert(database, 3);
  });
});

describe('a server', () => {
  it('that ends connections again and again loses and doubles nothing that it said', async () => {
    const onError: Error[] = [];
    const database = open({ onError: (error) => void onError.push(error) });
    const heard: string[] = [];
    subscriptions.push(database.listen('outage', (payload) => heard.push(payload)));
    await eventually(() => heard.includes(''));
    const sure = new Set<number>();
    const unsure = new Set<number>();
    const begun = performance.now();
    // Two seconds, and longer on a machine that is too busy to write anything in them.
    const goesOn = (): boolean => {
      const ms = performance.now() - begun;
      return ms < 2_000 || (sure.size < 10 && ms < 15_000);
    };
    const killing = (async () => {
      while (goesOn()) {
        await db.sql(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name IN ('outage', 'ss-listen-outage')`,
        );
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    })();
    const writing = async (start: number): Promise<void> => {
      for (let n = start; goesOn(); n += 3) {
        const fault = await faultOf(insert(database, n));
        if (fault === null) sure.add(n);
        else if (fault instanceof CommitUnknown) unsure.add(n);
        expect({ fault, understood: fault === null || isUnavailable(fault) }).toMatchObject({
          understood: true,
        });
      }
    };
    await Promise.all([killing, writing(0), writing(1), writing(2)]);
    const there = new Set(await marks());
    expect(sure.size).toBeGreaterThanOrEqual(10);
    expect([...sure].filter((n) => !there.has(n))).toEqual([]);
    expect([...there].filter((n) => !sure.has(n) && !unsure.has(n))).toEqual([]);
    // It listens again, and the many breaks of one time of trouble were told in one line.
    await eventually(async () => {
      await db.sql(`SELECT pg_notify('outage', 'back')`);
      return heard.includes('back');
    }, 10_000);
    expect(onError.filter((error) => error instanceof NotListening)).toHaveLength(1);
  });

  it('that has no connection to give says so', async () => {
    await db.sql('ALTER ROLE ss_api_login CONNECTION LIMIT 0');
    try {
      expect(causeOf(await faultOf(open({ url: login() }).ping()))).toBe('too_many_connections');
    } finally {
      await db.sql('ALTER ROLE ss_api_login CONNECTION LIMIT -1');
    }
  });

  it('that became read-only is told by readiness, and left for another connection', async () => {
    const database = open({ poolSize: 1 });
    const pid = (): Promise<number> =>
      database.transaction(
        scope,
        async (tx) => (await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]!.pid,
      );
    const before = await pid();
    await db.sql(`ALTER DATABASE ${db.name} SET default_transaction_read_only = on`);
    proxy.reset();
    try {
      await eventually(async () => (await pid()) !== before);
      const readOnly = await pid();
      const fault = await faultOf(insert(database, 1));
      expect([causeOf(fault), isUnavailable(fault)]).toEqual(['read_only', true]);
      await expect(database.ping()).rejects.toThrow(/^db_write_failed: read_only$/);
      expect(await pid()).not.toBe(readOnly);
      const prisma = await faultOf(
        database.withPrisma(scope, (client) => client.$executeRawUnsafe('INSERT INTO mark VALUES (1)')),
      );
      expect(causeOf(prisma)).toBe('read_only');
    } finally {
      await db.sql('SET default_transaction_read_only = off');
      await db.sql(`ALTER DATABASE ${db.name} RESET default_transaction_read_only`);
    }
  });

  it('whose disk is full is told by readiness for some seconds, though a probe finds room', async () => {
    const database = open();
    await database.ping();
    await db.sql(`
      CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
      CREATE TRIGGER full_disk BEFORE INSERT ON mark FOR EACH ROW WHEN (NEW.n = -7) EXECUTE FUNCTION full_disk()`);
    const fault = await faultOf(insert(database, -7));
    expect([causeOf(fault), isUnavailable(fault)]).toEqual(['disk_full', true]);
    await expect(database.ping()).rejects.toThrow(/^db_write_failed: disk_full$/);
    // Another program's readiness is its own.
    await open().ping();
  });

  it('that writes no more is not ready; a probe leaves a transaction of its own behind', async () => {
    const before = await db.sql<{ n: string }>('SELECT pg_current_xact_id()::text AS n');
    await open().ping();
    const [after] = await db.sql<{ n: string }>('SELECT pg_current_xact_id()::text AS n');
    expect(Number(after!.n) - Number(before[0]!.n)).toBeGreaterThanOrEqual(2);
  });

  it('on which others hold a row is busy, not away', async () => {
    await db.sql('INSERT INTO mark VALUES (1)');
    const holder = await db.session('ss_api');
    await holder.query('SELECT FROM mark WHERE n = 1 FOR UPDATE');
    const fault = await faultOf(
      open().transaction(scope, async (tx) => {
        await tx.query(`SELECT set_config('lock_timeout', '50', true)`);
        await tx.query('UPDATE mark SET hits = 1 WHERE n = 1');
      }),
    );
    expect([isBusy(fault), isUnavailable(fault)]).toEqual([true, false]);
    await holder.end();
  });
});

describe('a subscription', () => {
  it('notices that its connection died without a word', async () => {
    const told: Error[] = [];
    const database = open({ listenCheckMs: 100, onError: (error) => void told.push(error) });
    const heard: string[] = [];
    subscriptions.push(database.listen('quiet', (payload) => heard.push(payload)));
    await eventually(() => heard.includes(''));
    proxy.weather({ isSilent: true });
    await eventually(() => told.length > 0, 8_000);
    expect(told).toEqual([expect.any(NotListening)]);
    proxy.weather({});
    heard.length = 0;
    await eventually(() => heard.includes(''), 8_000);
  });
});
