import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Database } from '#database';
import { aTenant, eventually, type TestDatabase, testDatabase } from '#testing';
import { deployQueues } from './deploy.js';
import { Queue, type WakeOptions } from './queue.js';
import type { JobRef } from './queues.js';

const scope = { actor: { kind: 'worker', id: 'test' }, source: 'test' } as const;
const settings = { consumes: false, onError: () => undefined };

let db: TestDatabase;
let worker: Database;
let queue: Queue;
let api: Queue;

beforeAll(async () => {
  db = await testDatabase();
  worker = db.database('ss_worker');
  queue = new Queue(worker, scope, settings);
  api = new Queue(db.database('ss_api'), scope, settings);
  await Promise.all([queue.start(), api.start()]);
});
beforeEach(async () => {
  await db.sql('DELETE FROM pgboss.job; DELETE FROM tenant_turn; DELETE FROM turn_front');
});
afterAll(async () => {
  await Promise.all([queue.stop(), api.stop()]);
  await db.drop();
});

/** Sends `count` messages of the tenant in one transaction. */
const flood = (tenantId: string, count: number, options: WakeOptions = {}): Promise<number> =>
  worker.acrossTenants(scope, (tx) =>
    queue.wakeAll(
      tx,
      'job.run',
      Array.from({ length: count }, (_, n) => ({
        tenantId,
        jobId: `${String(options.priority ?? 0)}-${String(n).padStart(6, '0')}`,
        ...options,
      })),
    ),
  );

/** One claim: takes up to `max`, and waits until the front of the line is known. */
async function take(max: number): Promise<JobRef[]> {
  const before = await front();
  const refs = await worker.acrossTenants(scope, (tx) => queue.take(tx, 'job.run', max));
  if (refs.length > 0) await eventually(async () => (await front()) !== before);
  return refs;
}

const front = async (): Promise<string> =>
  JSON.stringify(await db.sql('SELECT * FROM turn_front ORDER BY 2'));

const countOf = (refs: readonly JobRef[], tenantId: string): number =>
  refs.filter((ref) => ref.tenantId === tenantId).length;

const weigh = async (tenantId: string, weight: number): Promise<string> => {
  await aTenant(db, tenantId);
  await db.put('tenant_quota', { tenant_id: tenantId, weight });
  return tenantId;
};

describe('tenants that share a queue', () => {
  it('do not wait behind the flood of another: the one message of a newcomer is next', async () => {
    await flood('flooding', 10_000);
    await take(8);
    await flood('newcomer', 1);
    expect(countOf(await take(8), 'newcomer')).toBe(1);
  });

  it('go in turns when both flood, whoever came first', async () => {
    await flood('first', 1_000);
    await take(20);
    await flood('second', 1_000);
    // The one who comes second begins at the front, with the turn of the last one taken: one more than half.
    expect(countOf(await take(101), 'second')).toBe(51);
  });

  it('share by their weights', async () => {
    const heavy = await weigh('heavy', 300);
    const light = await weigh('light', 100);
    await flood(heavy, 1_000);
    await flood(light, 1_000);
    const taken = [...(await take(100)), ...(await take(100)), ...(await take(200))];
    expect(countOf(taken, heavy)).toBeGreaterThanOrEqual(270);
    expect(countOf(taken, heavy)).toBeLessThanOrEqual(330);
    expect(countOf(taken, light)).toBe(400 - countOf(taken, heavy));
  });

  it('leave the share of one that sends nothing to the others', async () => {
    await weigh('idle', 10_000);
    await flood('busy', 50);
    await flood('busier', 500);
    const taken = await take(300);
    expect([countOf(taken, 'busy'), countOf(taken, 'busier')]).toEqual([50, 250]);
  });

  it('are not held to account for what they used while nobody else wanted it', async () => {
    await flood('alone', 1_000);
    while ((await take(500)).length > 0);
    await flood('alone', 100);
    await flood('late', 100);
    expect(countOf(await take(40), 'alone')).toBeGreaterThanOrEqual(19);
  });

  it('get their own messages in the order in which they sent them', async () => {
    await flood('orderly', 300);
    const ids = [...(await take(100)), ...(await take(200))].map(({ jobId }) => jobId);
    expect(ids).toEqual([...ids].sort());
  });
});

describe('priorities', () => {
  it('come before shares', async () => {
    await flood('urgent', 100, { priority: 5 });
    await flood('patient', 100);
    expect(countOf(await take(100), 'urgent')).toBe(100);
  });

  it('have lines of their own: what one tenant does in one does not set it back in another', async () => {
    await flood('flooding', 5_000);
    await flood('flooding', 1, { priority: 5 });
    await take(1);
    await flood('newcomer', 1);
    expect(countOf(await take(2), 'newcomer')).toBe(1);
  });
});

describe('messages for later', () => {
  const due = '2020-01-01T00:00:00.000000Z';

  it('get their turn when their time has come, so that none can be put in front of everybody', async () => {
    await flood('schemer', 1_000, { notBefore: due });
    await flood('steady', 2_000);
    await take(500);
    expect(await queue.giveTurnsToDue()).toBe(1_000);
    await flood('newcomer', 1);
    const taken = await take(102);
    expect([countOf(taken, 'newcomer'), countOf(taken, 'schemer')]).toEqual([1, 51]);
  });

  it('are taken at their time when nobody else waits, without a turn', async () => {
    await flood('punctual', 3, { notBefore: due });
    expect(await worker.acrossTenants(scope, (tx) => queue.take(tx, 'job.run', 5))).toHaveLength(3);
    expect(await db.sql('SELECT FROM turn_front')).toEqual([]);
  });

  it('get none before their time', async () => {
    await flood('patient', 3, { notBefore: '2100-01-01T00:00:00.000000Z' });
    expect(await queue.giveTurnsToDue()).toBe(0);
  });

  it('of a release that knew no turns get one, too', async () => {
    await flood('old', 2);
    await db.sql(`UPDATE pgboss.job SET data = data - 'turn', created_on = now() WHERE name = 'job.run'`);
    await deployQueues(db.ownerUrl);
    expect(await queue.giveTurnsToDue()).toBe(2);
    expect(await take(5)).toHaveLength(2);
  });
});

describe('turns', () => {
  const wish = { tenantId: 'acme', priority: 0 };

  it('are given once each, also to many who ask at once in several programs', async () => {
    const asked = Array.from({ length: 300 }, (_, n) =>
      (n % 2 === 0 ? queue : api).takeTurn('job.run', wish),
    );
    const turns = (await Promise.all(asked)).sort((a, b) => a - b);
    const apart = turns.slice(1).map((turn, n) => turn - (turns[n] ?? 0));
    expect(new Set(apart)).toEqual(new Set([10_000]));
  });

  it('that were taken before the transaction do not make its callers wait for each other', async () => {
    const turn = await api.takeTurn('job.run', wish);
    await db.database('ss_api').transaction({ ...scope, tenantId: 'acme' }, async (tx) => {
      await api.wake(tx, 'job.run', { tenantId: 'acme', jobId: 'one' }, { turn });
      const other = await api.takeTurn('job.run', wish);
      expect(other).toBe(turn + 10_000);
    });
    expect((await take(5)).map(({ jobId }) => jobId)).toEqual(['one']);
  });

  it('are seen by no other tenant', async () => {
    await api.takeTurn('job.run', wish);
    const seen = await db
      .database('ss_api')
      .transaction({ ...scope, tenantId: 'other' }, (tx) => tx.query('SELECT FROM tenant_turn'));
    expect(seen).toEqual([]);
  });

  it('leave the tenant of the transaction as it was', async () => {
    const left = await db.database('ss_api').transaction({ ...scope, tenantId: 'mine' }, async (tx) => {
      await api.wake(tx, 'job.run', { tenantId: 'mine', jobId: 'one' });
      return tx.query<{ tenant: string }>(`SELECT current_setting('ss.tenant_id') AS tenant`);
    });
    expect(left).toEqual([{ tenant: 'mine' }]);
  });

  it('are forgotten when the line has moved past them', async () => {
    await flood('gone', 3);
    await flood('waiting', 100);
    await take(50);
    await queue.forgetPassedTurns();
    expect(await db.sql('SELECT tenant_id FROM tenant_turn')).toEqual([{ tenant_id: 'waiting' }]);
  });
});
