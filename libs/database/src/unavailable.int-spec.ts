import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server, type Socket } from 'node:net';
import { aTenant, type TestDatabase, testDatabase } from '#testing';
import { Database, type DatabaseOptions } from './database.js';
import { isUniqueViolation } from './errors.js';
import { isTransient, isUnavailable } from './faults.js';
import type { TenantScope } from './scope.js';

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

describe('a database that is away', () => {
  const servers: Server[] = [];
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  });

  /** A port on which something listens that never says a word, or nothing at all. */
  async function port(kind: 'closed' | 'silent'): Promise<number> {
    const server = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (kind === 'silent') servers.push(server);
    else await new Promise((resolve) => server.close(resolve));
    return typeof address === 'object' && address ? address.port : 0;
  }

  it.each(['closed', 'silent'] as const)(
    'is unavailable, within the connect timeout: the port is %s',
    async (kind) => {
      const url = new URL(db.apiUrl);
      url.port = String(await port(kind));
      const database = open({ url: url.toString(), connectTimeoutMs: 300 });
      for (const ask of [
        () => database.ping(),
        () => database.transaction(scope(), (tx) => tx.query('SELECT 1')),
        () => database.withPrisma(scope(), (prisma) => prisma.tenant.findMany()),
      ]) {
        const error: unknown = await ask().catch((fault: unknown) => fault);
        expect({ error, unavailable: isUnavailable(error) }).toMatchObject({ unavailable: true });
      }
    },
  );

  it('is unavailable when every connection of the pool is taken for too long', async () => {
    // Long enough for the first connection to be made on a busy machine.
    const database = open({ connectTimeoutMs: 2_000 });
    const release = Promise.withResolvers<undefined>();
    const holding = database.transaction(scope(), () => release.promise);
    const error: unknown = await database
      .transaction(scope(), (tx) => tx.query('SELECT 1'))
      .catch((fault: unknown) => fault);
    expect(isUnavailable(error)).toBe(true);
    release.resolve(undefined);
    await holding;
  });

  it('is not what a wrong statement or a wrong password is', async () => {
    const wrong: unknown = await open()
      .transaction(scope(), (tx) => tx.query('SELECT 1 / 0'))
      .catch((fault: unknown) => fault);
    const url = new URL(db.apiUrl);
    url.password = 'wrong';
    const refused: unknown = await open({ url: url.toString() })
      .ping()
      .catch((fault: unknown) => fault);
    expect([wrong, refused].map(isUnavailable)).toEqual([false, false]);
    expect([isUnavailable('no error'), isTransient(null), isUniqueViolation(wrong, 'x')]).toEqual([
      false,
      false,
      false,
    ]);
  });
});
