import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Database, deploySchema, type Tx } from '#database';
import type { PgBoss } from 'pg-boss';
import { emptyDatabase, eventually, type TestDatabase, testDatabase } from '#testing';
import { deployQueues } from './deploy.js';
import { Queue } from './queue.js';
import { type JobRef, QUEUES } from './queues.js';

const scope = { actor: { kind: 'worker', id: 'test' }, source: 'test' } as const;
const ref: JobRef = { tenantId: 'acme', jobId: 'job-1' };

let db: TestDatabase;
let api: Database;
let worker: Database;
let sender: Queue;
let taker: Queue;

beforeAll(async () => {
  db = await testDatabase();
  api = db.database('ss_api');
  worker = db.database('ss_worker');
  sender = new Queue(api, scope, { consumes: false, onError: () => undefined });
  taker = new Queue(worker, scope, { consumes: true, onError: () => undefined });
  await Promise.all([sender.start(), taker.start()]);
});
beforeEach(async () => {
  await db.sql('DELETE FROM pgboss.job');
});
afterAll(async () => {
  await Promise.all([sender.stop(), taker.stop()]);
  await db.drop();
});

const send = <T>(work: (tx: Tx) => Promise<T>): Promise<T> =>
  api.transaction({ ...scope, tenantId: ref.tenantId }, work);
const wake = (to: JobRef = ref, options = {}): Promise<void> =>
  send((tx) => sender.wake(tx, 'job.run', to, options));
const take = (max = 10): Promise<JobRef[]> =>
  worker.acrossTenants(scope, (tx) => taker.take(tx, 'job.run', max));

describe('the queue', () => {
  it('has one message of a job that was woken twice, and another when it was taken between', async () => {
    await wake();
    await wake();
    expect(await take()).toEqual([ref]);
    await wake();
    expect(await take()).toEqual([ref]);
    expect(await take()).toEqual([]);
  });

  it('has one message of a job that 20 wake at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => wake()));
    expect(await take()).toEqual([ref]);
  });

  it('keeps ids apart whatever signs they hold', async () => {
    const refs = [
      { tenantId: 'a', jobId: 'b/c' },
      { tenantId: 'a/b', jobId: 'c' },
      { tenantId: 'a","b', jobId: 'c' },
      { tenantId: 'a', jobId: 'b","c' },
      { tenantId: 'ä 😀', jobId: "'; --" },
    ];
    for (const each of refs) await wake(each);
    expect(new Set((await take()).map((each) => JSON.stringify(each)))).toEqual(
      new Set(refs.map((each) => JSON.stringify(each))),
    );
  });

  it('gets nothing from a transaction that is rolled back', async () => {
    const failing = send(async (tx) => {
      await sender.wake(tx, 'job.run', ref);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await take()).toEqual([]);
  });

  it('keeps the message when the transaction that took it is rolled back', async () => {
    await wake();
    const failing = worker.acrossTenants(scope, async (tx) => {
      expect(await taker.take(tx, 'job.run', 1)).toEqual([ref]);
      throw new Error('died');
    });
    await expect(failing).rejects.toThrow('died');
    expect(await take()).toEqual([ref]);
  });

  it('keeps a message that is there already for who counts on it, until that transaction has ended', async () => {
    await wake();
    const whileOpen = await send(async (tx) => {
      await sender.wake(tx, 'job.run', ref);
      return take();
    });
    expect([whileOpen, await take()]).toEqual([[], [ref]]);
  });

  it('sends many in one statement, and none twice', async () => {
    await wake();
    const refs = ['job-1', 'job-2', 'job-3'].map((jobId) => ({ ...ref, jobId, priority: 3 }));
    expect(await send((tx) => sender.wakeAll(tx, 'job.run', refs))).toBe(2);
    expect((await take()).map(({ jobId }) => jobId).sort()).toEqual(['job-1', 'job-2', 'job-3']);
  });

  it('gives a message to one of two who take at once, and does not let them wait for each other', async () => {
    await wake();
    const both = await Promise.all([take(1), take(1)]);
    expect(both.flat()).toEqual([ref]);
  });

  it('holds a message back until its time, by the clock of the database', async () => {
    await wake(ref, { notBefore: '2100-01-01T00:00:00.000000Z' });
    expect(await take()).toEqual([]);
    await db.sql('UPDATE pgboss.job SET start_after = clock_timestamp()');
    expect(await take()).toEqual([ref]);
  });

  it('keeps a held message from others until it is settled, and settles with the transaction', async () => {
    await send((tx) => sender.wake(tx, 'job.draft', ref));
    const held = await taker.hold('job.draft');
    expect(held).toMatchObject(ref);
    expect(await taker.hold('job.draft')).toBeNull();
    const settle = (fail: boolean): Promise<void> =>
      worker.transaction({ ...scope, tenantId: ref.tenantId }, async (tx) => {
        await taker.settle(tx, 'job.draft', held!);
        if (fail) throw new Error('died');
      });
    await expect(settle(true)).rejects.toThrow('died');
    expect(await db.sql('SELECT FROM pgboss.job')).toHaveLength(1);
    await settle(false);
    expect(await db.sql('SELECT FROM pgboss.job')).toEqual([]);
  });

  it('probes well, and names the queue that is missing', async () => {
    await sender.probe();
    await db.sql(`ALTER TABLE pgboss.queue DISABLE TRIGGER ALL`);
    await db.sql(`UPDATE pgboss.queue SET name = 'job.gone' WHERE name = 'job.draft'`);
    try {
      await expect(sender.probe()).rejects.toThrow('job.draft');
    } finally {
      await db.sql(`UPDATE pgboss.queue SET name = 'job.draft' WHERE name = 'job.gone'`);
    }
  });
});

describe('what looks after the queues', () => {
  it('hands a held message out again when its worker is gone, with the rights of a worker', async () => {
    const faults: Error[] = [];
    const settings = { consumes: true, onError: (error: Error) => void faults.push(error) };
    const caretaker = new Queue(worker, scope, settings);
    await caretaker.start();
    await send((tx) => sender.wake(tx, 'job.draft', ref));
    expect(await taker.hold('job.draft')).toMatchObject(ref);
    await db.sql(`UPDATE pgboss.job SET started_on = clock_timestamp() - interval '1 hour'`);
    await superviseNow(caretaker);
    // Handed out again after a pause that grows with each time.
    await db.sql(`UPDATE pgboss.job SET start_after = clock_timestamp()`);
    expect(await taker.hold('job.draft')).toMatchObject(ref);
    await caretaker.stop();
    expect(faults).toEqual([]);
  });
});

/** pg-boss does this once a minute by itself, which is longer than a test may take. */
async function superviseNow(queue: Queue): Promise<void> {
  const boss = Reflect.get(queue, 'boss') as PgBoss;
  for (const name of Object.keys(QUEUES)) await boss.supervise(name);
}

describe('a wake-up', () => {
  it('is heard within a second, also after the connection that listens was killed', async () => {
    const heard: number[] = [];
    taker.onWake('job.run', () => heard.push(performance.now()));
    const listeners = (): Promise<{ pid: number }[]> =>
      db.sql(`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'`);
    const hear = async (jobId: string): Promise<void> => {
      const before = performance.now();
      heard.length = 0;
      await wake({ tenantId: 'acme', jobId });
      await eventually(() => heard.some((at) => at >= before), 1_000);
    };
    const [first] = await eventually(async () => ((await listeners()).length > 0 ? listeners() : null));
    await hear('heard-1');

    heard.length = 0;
    await db.sql('SELECT pg_terminate_backend($1)', [first!.pid]);
    await eventually(async () => (await listeners()).some(({ pid }) => pid !== first!.pid));
    // Whatever was sent while nobody listened may be there: a new connection is a hint by itself.
    await eventually(() => heard.length > 0);
    await hear('heard-2');
  });
});

describe('deployQueues', () => {
  it('may be called by several at once, and again', async () => {
    const empty = await emptyDatabase();
    try {
      await deploySchema(empty.url);
      await Promise.all([deployQueues(empty.url), deployQueues(empty.url), deployQueues(empty.url)]);
      await deployQueues(empty.url);
    } finally {
      await empty.drop();
    }
  });

  it('makes each queue with the settings of the code, owned by ss_owner', async () => {
    const rows = await db.sql<{ name: string; policy: string; partition: boolean }>(
      'SELECT name, policy, partition FROM pgboss.queue WHERE name = ANY($1) ORDER BY name',
      [Object.keys(QUEUES)],
    );
    const wanted = Object.entries(QUEUES).map(([name, { policy, partition }]) => ({
      name,
      policy,
      partition,
    }));
    expect(rows).toEqual(wanted.sort((a, b) => (a.name < b.name ? -1 : 1)));
    const owners = await db.sql(`SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'pgboss'`);
    expect(owners).toEqual([{ tableowner: 'ss_owner' }]);
  });
});
