import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, type TestDatabase, testDatabase } from '#testing';
import { Database, type DatabaseOptions } from './database.js';

let db: TestDatabase;
const opened: Database[] = [];

beforeAll(async () => {
  db = await testDatabase();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
});
afterAll(async () => {
  await db.drop();
});

function open(given: Partial<DatabaseOptions> = {}): Database {
  const database = new Database({
    ...{
      url: db.apiUrl,
      directUrl: db.logins[0]!,
      role: 'ss_api',
      applicationName: 'test',
      poolSize: 1,
      onError: () => undefined,
    },
    ...given,
  });
  opened.push(database);
  return database;
}

describe('a subscription', () => {
  it('hears what is sent on its channel, and opens again when its connection is killed', async () => {
    const heard: string[] = [];
    const database = open();
    const subscription = database.listen('ss test', (payload) => heard.push(payload));
    const pids = (): Promise<{ pid: number }[]> =>
      db.sql(
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN "ss test"'`,
      );
    await eventually(() => heard.includes(''));
    await db.sql(`SELECT pg_notify('ss test', 'one')`);
    await eventually(() => heard.includes('one'), 1_000);

    heard.length = 0;
    for (const { pid } of await pids()) await db.sql('SELECT pg_terminate_backend($1)', [pid]);
    await eventually(() => heard.includes(''));
    await db.sql(`SELECT pg_notify('ss test', 'two')`);
    await eventually(() => heard.includes('two'), 1_000);
    await subscription.close();
    await eventually(async () => (await pids()).length === 0);
  });

  it('can be closed at any moment, also before it ever connected', async () => {
    const closed = open().listen('x', () => undefined);
    await closed.close();
    const away = open({ directUrl: 'postgresql://nobody@127.0.0.1:1/none' }).listen('x', () => undefined);
    await away.close();
    expect(await db.sql(`SELECT FROM pg_stat_activity WHERE application_name = 'ss-listen-x'`)).toEqual([]);
  });
});
