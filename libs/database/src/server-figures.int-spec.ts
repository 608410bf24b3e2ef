import { eventually, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Scope } from './scope.js';
import { ServerFigures, type ServerLook } from './server-figures.js';

const SCOPE: Scope = { actor: { kind: 'worker', id: 'w' }, source: 'test' };

let db: TestDatabase;

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(async () => {
  await db.drop();
});

const look = (figures: ServerFigures): Promise<ServerLook> =>
  db.database('ss_worker').withoutTenant(SCOPE, (tx) => figures.look(tx));

describe('the figures of a server', () => {
  it('are there for a login that owns nothing', async () => {
    const seen = await look(new ServerFigures());
    expect(seen.sizeBytes).toBeGreaterThan(1_000_000);
    expect(seen.connections).toBeGreaterThan(0);
    expect(seen.maxConnections).toBeGreaterThan(seen.connections);
    expect(seen.tables.map(({ schema }) => schema).sort()).toEqual(['pgboss', 'public']);
  });

  it('tell how long somebody else’s transaction that writes has been open, from one look to the next', async () => {
    const figures = new ServerFigures();
    const session = await db.session('ss_owner');
    try {
      await session.query('SELECT pg_current_xact_id()');
      const first = await look(figures);
      const later = await eventually(async () => {
        const seen = await look(figures);
        return seen.oldestTransactionSeconds > first.oldestTransactionSeconds + 0.5 ? seen : null;
      });
      expect(later.oldestTransactionSeconds).toBeLessThan(60);
    } finally {
      await session.end();
    }
  });
});
