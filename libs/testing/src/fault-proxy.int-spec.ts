import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually } from './eventually.js';
import { type Fate, FaultProxy } from './fault-proxy.js';
import { type TestDatabase, testDatabase } from './test-database.js';

let db: TestDatabase;
let proxy: FaultProxy;
const clients: pg.Client[] = [];

beforeAll(async () => {
  db = await testDatabase();
  proxy = await FaultProxy.before(db.ownerUrl);
  await db.sql('CREATE TABLE mark (n integer PRIMARY KEY)');
});
afterEach(async () => {
  proxy.weather({});
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await eventually(() => proxy.open === 0);
});
afterAll(async () => {
  await proxy.close();
  await db.drop();
});

async function client(): Promise<pg.Client> {
  const made = new pg.Client({ connectionString: proxy.through(db.ownerUrl), connectionTimeoutMillis: 500 });
  // What a test breaks reaches it as a rejection.
  made.on('error', () => undefined);
  await made.connect();
  clients.push(made);
  return made;
}
const marks = async (): Promise<number[]> =>
  (await db.sql<{ n: number }>('SELECT n FROM mark ORDER BY n')).map(({ n }) => n);
const msOf = async (work: () => Promise<unknown>): Promise<number> => {
  const before = performance.now();
  await work();
  return performance.now() - before;
};

describe('the fault proxy', () => {
  it('passes on what it is not told to harm, however large', async () => {
    const one = await client();
    const text = 'ä'.repeat(700_000);
    const { rows } = await one.query<{ text: string }>('SELECT $1::text AS text', [text]);
    expect(rows[0]?.text).toBe(text);
    expect(proxy.open).toBe(1);
  });

  it('says nothing while it is silent, to connections old and new, and then passes what it held', async () => {
    const one = await client();
    proxy.weather({ isSilent: true });
    await expect(client()).rejects.toThrow('timeout');
    let answered = false;
    const asking = one.query('SELECT 1').then(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).toBe(false);
    proxy.weather({});
    await asking;
  });

  it('refuses, resets and drops', async () => {
    const one = await client();
    proxy.weather({ refuses: true });
    await expect(client()).rejects.toThrow();
    await one.query('SELECT 1');
    const dying = expect(one.query('SELECT pg_sleep(10)')).rejects.toMatchObject({ code: 'ECONNRESET' });
    proxy.reset();
    await dying;
    proxy.weather({});
    const two = await client();
    const ended = expect(two.query('SELECT pg_sleep(10)')).rejects.toThrow('terminated');
    proxy.drop();
    await ended;
  });

  it('delays, and lets through no more bytes than it is told', async () => {
    const one = await client();
    proxy.weather({ delayMs: 60 });
    expect(await msOf(() => one.query('SELECT 1'))).toBeGreaterThanOrEqual(115);
    proxy.weather({ bytesPerSecond: 400 });
    const slow = one.query(`SELECT repeat('x', 10000)`);
    let answered = false;
    void slow.then(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(answered).toBe(false);
    proxy.weather({});
    await slow;
  });

  it('cuts after so many bytes of an answer', async () => {
    const one = await client();
    proxy.weather({ cutAfterBytes: 5_000 });
    await one.query('SELECT 1');
    await expect(one.query(`SELECT repeat('x', 10000)`)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('loses the reply to a COMMIT that is carried out, or cuts one that never arrives', async () => {
    const one = await client();
    await one.query('BEGIN');
    await one.query('INSERT INTO mark VALUES ($1)', [1]);
    const lost = proxy.onceOn('COMMIT', 'lose reply');
    await expect(one.query('COMMIT')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await lost).toBe('COMMIT');
    expect(await marks()).toEqual([1]);

    const two = await client();
    await two.query('BEGIN');
    await two.query('INSERT INTO mark VALUES (2)');
    const cut = proxy.onceOn(/^COMMIT$/, 'cut');
    await expect(two.query('COMMIT')).rejects.toMatchObject({ code: 'ECONNRESET' });
    await cut;
    expect(await marks()).toEqual([1]);
  });

  it('calls back when a statement passes, and holds it until told', async () => {
    const one = await client();
    const hold = Promise.withResolvers<undefined>();
    const seen: string[] = [];
    const stop = proxy.onStatement('INSERT INTO mark', async (statement): Promise<Fate> => {
      seen.push(statement);
      await hold.promise;
      return 'pass';
    });
    const inserting = one.query('INSERT INTO mark VALUES ($1)', [3]);
    await eventually(() => seen.length === 1);
    expect(await marks()).not.toContain(3);
    hold.resolve(undefined);
    await inserting;
    expect(await marks()).toContain(3);
    stop();
    await one.query('INSERT INTO mark VALUES (4)');
    expect(seen).toHaveLength(1);
  });
});
