import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Database } from '#database';
import { deploySchema } from '#database';
import { emptyDatabase, type TestDatabase, testDatabase } from '#testing';
import pg from 'pg';
import type { PgBoss } from 'pg-boss';
import { DeadLetters } from './dead-letters.js';
import { deployQueues } from './deploy.js';
import { Messages } from './messages.js';
import { Queue } from './queue.js';
import { DEAD_QUEUE, type JobRef, QUEUES } from './queues.js';

const scope = { actor: { kind: 'worker', id: 'test' }, source: 'test' } as const;
const ref: JobRef = { tenantId: 'acme', jobId: 'job-1' };
const deadLetters = new DeadLetters();

let db: TestDatabase;
let worker: Database;
let queue: Queue;

beforeAll(async () => {
  db = await testDatabase();
  worker = db.database('ss_worker');
  queue = new Queue(worker, scope, { consumes: true, onError: () => undefined });
  await queue.start();
});
afterAll(async () => {
  await queue.stop();
  await db.drop();
});

/** A worker takes hold of the message and is never heard of again. */
async function holdAndDie(): Promise<void> {
  await db.sql(`UPDATE pgboss.job SET start_after = clock_timestamp() WHERE state < 'active'`);
  expect(await queue.hold('job.draft')).toMatchObject(ref);
  await db.sql(
    `UPDATE pgboss.job SET started_on = clock_timestamp() - interval '1 hour' WHERE state = 'active'`,
  );
  // pg-boss does this once a minute by itself, which is longer than a test may take.
  await db.sql('UPDATE pgboss.queue SET monitor_claim_on = NULL, monitor_on = NULL');
  await (Reflect.get(queue, 'boss') as PgBoss).supervise('job.draft');
}

describe('a message that nobody settles', () => {
  it('is handed out as often as its queue allows, and then is a dead letter', async () => {
    await worker.acrossTenants(scope, (tx) => queue.wake(tx, 'job.draft', ref));
    for (let time = 0; time <= QUEUES['job.draft'].retryLimit; time++) await holdAndDie();
    expect(await queue.hold('job.draft')).toBeNull();

    const list = await worker.acrossTenants(scope, (tx) => deadLetters.list(tx, { queue: null, limit: 10 }));
    expect(list).toEqual([
      {
        ...ref,
        queue: 'job.draft',
        retries: QUEUES['job.draft'].retryLimit,
        messageId: expect.any(String),
        diedAt: expect.any(String),
      },
    ]);
    const counts = await worker.acrossTenants(scope, (tx) => new Messages().count(tx));
    expect(counts).toMatchObject([
      { name: 'job.run', waiting: 0, delayed: 0, active: 0, dead: 0, oldest_due_at: null },
      { name: 'job.draft', waiting: 0, delayed: 0, active: 0, dead: 1 },
    ]);
    const since = (instant: string): Promise<JobRef[]> =>
      worker.acrossTenants(scope, (tx) =>
        deadLetters.diedSince(tx, 'job.draft', [{ ...ref, since: instant }]),
      );
    expect(await since(list[0]!.diedAt)).toHaveLength(1);
    expect(await since('2100-01-01T00:00:00.000000Z')).toEqual([]);
  });
});

describe('deployQueues', () => {
  it('gives queues of an earlier release their dead letters, and brings other settings up to date', async () => {
    const empty = await emptyDatabase();
    const client = new pg.Client({ connectionString: empty.url });
    await client.connect();
    try {
      await deploySchema(empty.url);
      await deployQueues(empty.url);
      await client.query('UPDATE pgboss.queue SET dead_letter = NULL, retry_limit = 1');
      await client.query('DELETE FROM pgboss.queue WHERE name = $1', [DEAD_QUEUE]);
      await deployQueues(empty.url);
      const { rows } = await client.query(
        `SELECT dead_letter, retry_limit FROM pgboss.queue WHERE name = 'job.draft'`,
      );
      expect(rows).toEqual([{ dead_letter: DEAD_QUEUE, retry_limit: QUEUES['job.draft'].retryLimit }]);
    } finally {
      await client.end();
      await empty.drop();
    }
  });
});

describe('a queue whose tables are of another version', () => {
  it.each([
    ['older', 'UPDATE pgboss.version SET version = version - 1'],
    ['newer', 'UPDATE pgboss.version SET version = version + 1'],
    ['absent', 'DROP SCHEMA pgboss CASCADE'],
  ])('does not start on %s ones, and makes and changes nothing', async (_which, change) => {
    const other = await testDatabase();
    try {
      await other.sql(change);
      const before = await other.sql(`SELECT to_regclass('pgboss.version')::text AS name`);
      const starting = new Queue(other.database('ss_worker'), scope, {
        consumes: true,
        onError: () => undefined,
      });
      await expect(starting.start()).rejects.toMatchObject({
        code: 'SCHEMA_MISMATCH',
        message: expect.stringContaining('ssctl -- schema deploy'),
      });
      expect(await other.sql(`SELECT to_regclass('pgboss.version')::text AS name`)).toEqual(before);
    } finally {
      await other.drop();
    }
  });
});
