import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Database } from '#database';
import { aTenant, type TestDatabase, testDatabase } from '#testing';
import { Messages } from './messages.js';
import { Parking } from './parking.js';
import { LET_IN, TENANTS_WITH_PARKED } from './parking.sql.js';
import { type FindPast, Queue, type WakeOptions } from './queue.js';
import type { JobRef } from './queues.js';

const scope = { actor: { kind: 'worker', id: 'test' }, source: 'test' } as const;
const parking = new Parking();
const messages = new Messages();

let db: TestDatabase;
let worker: Database;
let queue: Queue;

beforeAll(async () => {
  db = await testDatabase();
  worker = db.database('ss_worker');
  queue = new Queue(worker, scope, { consumes: false, onError: () => undefined });
  await queue.start();
  for (const tenantId of ['capped', 'freed', 'a', 'b', 'c']) {
    await aTenant(db, tenantId);
    await db.put('tenant_quota', { tenant_id: tenantId, running_jobs: 1 });
  }
});
beforeEach(async () => {
  await toldFront();
  await db.sql('DELETE FROM pgboss.job; DELETE FROM tenant_turn; DELETE FROM turn_front');
});
afterAll(async () => {
  await queue.stop();
  await db.drop();
});

const idOf = (n: number): string => String(n).padStart(6, '0');

const flood = (
  tenantId: string,
  count: number,
  options: WakeOptions & { from?: number } = {},
): Promise<number> =>
  worker.acrossTenants(scope, (tx) =>
    queue.wakeAll(
      tx,
      'job.run',
      Array.from({ length: count }, (_, n) => ({
        tenantId,
        jobId: idOf((options.from ?? 0) + n),
        ...options,
      })),
    ),
  );

const take = (max: number, findPast?: FindPast): Promise<JobRef[]> =>
  worker.acrossTenants(scope, (tx) => queue.take(tx, 'job.run', max, findPast));

/** Nothing more of the tenant. */
const noneOf =
  (tenantId: string): FindPast =>
  (refs) =>
    Promise.resolve(new Set(refs.filter((ref) => ref.tenantId === tenantId)));

const letIn = (tenantId: string, room: number | null): Promise<number> =>
  worker.acrossTenants(scope, (tx) => parking.letIn(tx, 'job.run', tenantId, room));

const counts = async (): Promise<[waiting: number, parked: number]> => {
  const [run] = await worker.acrossTenants(scope, (tx) => messages.count(tx));
  return [run!.waiting, run!.parked];
};

const jobsOf = (refs: readonly JobRef[], tenantId: string): string[] =>
  refs.filter((ref) => ref.tenantId === tenantId).map(({ jobId }) => jobId);

/** How far the line has moved, when all that was taken is told. */
async function toldFront(): Promise<number | null> {
  await queue.stop();
  await queue.start();
  const [front] = await db.sql<{ turn: string }>('SELECT turn FROM turn_front');
  return front ? Number(front.turn) : null;
}

describe('messages that are not to be taken now', () => {
  it('are parked, with what their tenant has near the front, and nobody comes across them again', async () => {
    await flood('capped', 200);
    await flood('other', 20);
    expect(await take(10, noneOf('capped'))).toHaveLength(5);
    expect(await counts()).toEqual([15, 200]);
    expect(jobsOf(await take(100), 'other')).toHaveLength(15);
    expect(await take(100)).toEqual([]);
  });

  it('are let in from the head of the tenant’s line: by priority, then in the order in which they were sent', async () => {
    await flood('capped', 5);
    await flood('capped', 2, { priority: 7, from: 100 });
    await flood('another', 1);
    expect(await take(10, noneOf('capped'))).toHaveLength(1);
    const order: string[] = [];
    for (let n = 0; n < 7; n++) {
      expect(await letIn('capped', 1)).toBe(1);
      order.push(...jobsOf(await take(10), 'capped'));
    }
    expect(order).toEqual([100, 101, 0, 1, 2, 3, 4].map(idOf));
    expect(await counts()).toEqual([0, 0]);
  });

  it('come as many as there is room for, less those that stand in line already', async () => {
    await flood('capped', 10);
    await take(10, noneOf('capped'));
    expect(await letIn('capped', 3)).toBe(3);
    expect(await letIn('capped', 3)).toBe(0);
    expect(await letIn('capped', 4)).toBe(1);
    expect(await letIn('capped', 0)).toBe(0);
    expect(await letIn('elsewhere', 4)).toBe(0);
    expect(await letIn('capped', null)).toBe(6);
    expect(jobsOf(await take(20), 'capped')).toEqual(Array.from({ length: 10 }, (_, n) => idOf(n)));
  });

  it('leave the front of the line where it is', async () => {
    await flood('capped', 100);
    expect(await take(100, noneOf('capped'))).toEqual([]);
    expect(await toldFront()).toBeNull();
    await letIn('capped', 1);
    expect(await take(1)).toHaveLength(1);
    expect(await toldFront()).toBe(1);
  });

  it('that are let in all at once share with those who came meanwhile', async () => {
    await flood('freed', 400);
    for (let n = 0; n < 2; n++) expect(await take(1, noneOf('freed'))).toEqual([]);
    await flood('steady', 600);
    expect(await take(500)).toHaveLength(500);
    expect(await toldFront()).toBeGreaterThan(4_000_000);
    expect((await letIn('freed', null)) + (await letIn('freed', null))).toBe(400);
    const taken = await take(100);
    const freed = jobsOf(taken, 'freed');
    expect(Math.abs(freed.length - 50)).toBeLessThanOrEqual(1);
    freed.push(...jobsOf(await take(1_000), 'freed'));
    expect(freed).toEqual(Array.from({ length: 400 }, (_, n) => idOf(n)));
  });

  it('get their turn afterwards, where they had none', async () => {
    await flood('capped', 2, { notBefore: '2020-01-01T00:00:00.000000Z' });
    await take(2, noneOf('capped'));
    expect(await queue.giveTurnsToDue()).toBe(0);
    await letIn('capped', null);
    expect(await queue.giveTurnsToDue()).toBe(2);
    expect(await take(5)).toHaveLength(2);
  });

  it('are live: waking their job sends none, and the job’s end drops them', async () => {
    const ref = { tenantId: 'capped', jobId: idOf(0) };
    await flood('capped', 1);
    await take(1, noneOf('capped'));
    await worker.acrossTenants(scope, (tx) => queue.wake(tx, 'job.run', ref));
    await worker.acrossTenants(scope, async (tx) => {
      expect(await messages.missing(tx, 'job.run', [ref])).toEqual([]);
      expect(
        await messages.waiting(tx, 'job.run', { after: '00000000-0000-0000-0000-000000000000', limit: 5 }),
      ).toHaveLength(1);
      expect(await messages.place(tx, 'job.run', ref, 10)).toMatchObject({ parked: true, ahead: 0 });
    });
    await worker.acrossTenants(scope, (tx) => queue.forget(tx, [ref]));
    expect(await counts()).toEqual([0, 0]);
  });

  it('stay in line when the transaction that parked them fails', async () => {
    await flood('capped', 50);
    const failed = worker.acrossTenants(scope, async (tx) => {
      await queue.take(tx, 'job.run', 5, noneOf('capped'));
      throw new Error('no commit');
    });
    await expect(failed).rejects.toThrow('no commit');
    expect(await counts()).toEqual([50, 0]);
  });

  it('are of tenants with a limit alone; of others nobody asks', async () => {
    await flood('capped', 2);
    await flood('other', 3);
    const asked: JobRef[] = [];
    const findPast: FindPast = (refs) => {
      asked.push(...refs);
      return Promise.resolve(new Set(refs.slice(1)));
    };
    expect(await take(10, findPast)).toHaveLength(4);
    expect(asked.map(({ tenantId, jobId }) => [tenantId, jobId])).toEqual([
      ['capped', idOf(0)],
      ['capped', idOf(1)],
    ]);
    expect(await counts()).toEqual([0, 1]);
    expect(await take(10, findPast)).toEqual([]);
  });

  it('are not looked for where somebody else holds them', async () => {
    await flood('capped', 20);
    await worker.acrossTenants(scope, async (holder) => {
      expect(await queue.take(holder, 'job.run', 4)).toHaveLength(4);
      expect(await take(4, noneOf('capped'))).toEqual([]);
    });
    expect(await counts()).toEqual([0, 16]);
  });
});

describe('the tenants that have parked messages', () => {
  it('are each named once, however many messages they have', async () => {
    const all = (): Promise<string[]> => worker.acrossTenants(scope, (tx) => parking.tenants(tx, 'job.run'));
    expect(await all()).toEqual([]);
    for (const tenantId of ['b', 'a', 'c']) await flood(tenantId, 40);
    await take(20, (refs) => Promise.resolve(new Set(refs)));
    await letIn('c', null);
    expect(await all()).toEqual(['a', 'b']);
  });

  it('are found, and their messages let in, without a walk through the queue', async () => {
    await flood('capped', 3_000);
    while ((await counts())[0] > 0) await take(8, noneOf('capped'));
    await flood('another', 3_000);
    await db.sql('ANALYZE pgboss.job');
    const planOf = async (statement: string, values: unknown[]): Promise<string> =>
      (await db.sql<Record<string, string>>(`EXPLAIN ${statement}`, values))
        .flatMap(Object.values)
        .join('\n');
    for (const plan of [
      await planOf(TENANTS_WITH_PARKED, ['job.run']),
      await planOf(LET_IN, ['job.run', 'capped', 3, 1_000]),
    ]) {
      expect(plan).toMatch(/Index (Only )?Scan/);
      expect(plan).not.toMatch(/Seq Scan on j/);
    }
  });
});
