import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Database, Tx } from '#database';
import { eventually, type TestDatabase, testDatabase } from '#testing';
import { type Pause, Pauses } from './pauses.js';
import { Queue } from './queue.js';
import type { JobRef, QueueName } from './queues.js';

const scope = { actor: { kind: 'operator', id: 'ann' }, source: 'test' } as const;
const ref: JobRef = { tenantId: 'acme', jobId: 'job-1' };
const pauses = new Pauses();

let db: TestDatabase;
let operator: Database;
let worker: Database;
let queue: Queue;
let heard = 0;
let told: [QueueName, string | null][];

beforeAll(async () => {
  db = await testDatabase();
  operator = db.database('ss_operator');
  worker = db.database('ss_worker');
  const onPause = (name: QueueName, pause: Pause | null): void => {
    told.push([name, pause?.reason ?? null]);
  };
  queue = new Queue(worker, scope, { consumes: true, onError: () => undefined, onPause });
  queue.onWake('job.run', () => heard++);
  await queue.start();
});
beforeEach(async () => {
  await db.sql('DELETE FROM pgboss.job');
  await db.sql('DELETE FROM queue_pause');
  // A look at queues that are not paused: what an earlier test told is over.
  told = [];
  await take();
  await queue.hold('job.draft');
  told = [];
});
afterAll(async () => {
  await queue.stop();
  await db.drop();
});

const asOperator = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => operator.withoutTenant(scope, work);
const take = (): Promise<JobRef[]> => worker.acrossTenants(scope, (tx) => queue.take(tx, 'job.run', 10));
const wake = (name: QueueName): Promise<void> =>
  worker.acrossTenants(scope, (tx) => queue.wake(tx, name, ref));

describe('a paused queue', () => {
  it('gives nothing until it is resumed, and then what waited', async () => {
    await wake('job.run');
    expect(await asOperator((tx) => pauses.pause(tx, 'job.run', 'maintenance'))).toMatchObject({
      queue_name: 'job.run',
      reason: 'maintenance',
      paused_by: 'operator:ann',
    });
    expect(await take()).toEqual([]);
    await asOperator((tx) => pauses.resume(tx, 'job.run'));
    expect(await take()).toEqual([ref]);
  });

  it('gives nothing to hold either, and another queue goes on', async () => {
    await wake('job.draft');
    await asOperator((tx) => pauses.pause(tx, 'job.draft', 'the model is away'));
    expect(await queue.hold('job.draft')).toBeNull();
    await wake('job.run');
    expect(await take()).toEqual([ref]);
    await asOperator((tx) => pauses.resume(tx, 'job.draft'));
    expect(await queue.hold('job.draft')).toMatchObject(ref);
  });

  it('is told of once, and once when it goes on', async () => {
    await asOperator((tx) => pauses.pause(tx, 'job.run', 'maintenance'));
    for (let look = 0; look < 3; look++) await take();
    expect(told).toEqual([['job.run', 'maintenance']]);
    await asOperator((tx) => pauses.resume(tx, 'job.run'));
    for (let look = 0; look < 3; look++) await take();
    expect(told).toEqual([
      ['job.run', 'maintenance'],
      ['job.run', null],
    ]);
  });

  it('stays as it was when it is paused again, and resuming twice is no fault', async () => {
    await asOperator((tx) => pauses.pause(tx, 'job.run', 'first'));
    expect(await asOperator((tx) => pauses.pause(tx, 'job.run', 'second'))).toBeNull();
    expect(await asOperator((tx) => pauses.list(tx))).toMatchObject([{ reason: 'first' }]);
    expect(await asOperator((tx) => pauses.resume(tx, 'job.run'))).toMatchObject({ reason: 'first' });
    expect(await asOperator((tx) => pauses.resume(tx, 'job.run'))).toBeNull();
  });

  it('wakes the workers when it is resumed, on the channel on which they listen', async () => {
    await eventually(() => heard > 0); // a connection that begins to listen is a hint by itself
    await asOperator((tx) => pauses.pause(tx, 'job.run', 'maintenance'));
    heard = 0;
    await asOperator((tx) => pauses.resume(tx, 'job.run'));
    await eventually(() => heard > 0, 1_000);
  });
});
