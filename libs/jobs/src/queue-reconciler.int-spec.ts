import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newTraceId } from '#observability';
import { FIRST_MESSAGE, Messages } from '#queue';
import {
  aJob,
  aTenant,
  auditOf,
  JobPrograms,
  messagesOf,
  NOOP_PLAN,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { randomUUID } from 'node:crypto';
import type { Job } from './job.js';
import { QueueReconciler, type Repair } from './queue-reconciler.js';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  // What another test left would be mended here.
  await db.sql('DELETE FROM pgboss.job');
  await db.sql('SET session_replication_role = replica');
  await db.sql('TRUNCATE job, draft, plan, run, run_step CASCADE');
  await db.sql('RESET session_replication_role');
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const reconciler = (limits?: { repairs: number; page: number }): QueueReconciler =>
  new QueueReconciler(programs.worker, programs.workerQueue, programs.workerScope, limits);
const mend = async (limits?: { repairs: number; page: number }): Promise<Repair[]> =>
  (await reconciler(limits).round()).repairs;
const mine = () => programs.client(tenantId);

async function queued(given: { runAfter?: string; priority?: number } = {}): Promise<Job> {
  const wanted = { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true, ...given };
  return (await programs.lifecycle.create(mine(), wanted, null)).job;
}

/** A message as somebody might put it there, past everything that we do. */
async function stray(queue: string, job: { tenant_id: string; job_id: string }): Promise<void> {
  await db.sql(
    `INSERT INTO pgboss.job (name, data, singleton_key, policy)
     VALUES ($1, $2, $3, 'exclusive')`,
    [queue, { tenant_id: job.tenant_id, job_id: job.job_id }, JSON.stringify([job.tenant_id, job.job_id])],
  );
}

const pending = { draft_task: { task_id: randomUUID(), state: 'pending' } } as const;

describe('the reconciler', () => {
  it('finds nothing to mend where jobs and messages agree', async () => {
    await queued();
    await aJob(db, tenantId, { status: 'succeeded' });
    expect(await reconciler().round()).toEqual({ repairs: [], complete: true });
  });

  it('mends a hundred jobs without a message and a hundred messages without a job, page by page', async () => {
    const jobs = await Promise.all(Array.from({ length: 100 }, () => queued()));
    await db.sql('DELETE FROM pgboss.job');
    const ended = await Promise.all(
      Array.from({ length: 50 }, () => aJob(db, tenantId, { status: 'succeeded' })),
    );
    for (const job of ended) await stray('job.run', job);
    for (let no = 0; no < 50; no++)
      await stray('job.run', { tenant_id: tenantId, job_id: `gone-${String(no)}` });

    const { repairs, complete } = await reconciler({ repairs: 500, page: 7 }).round();
    expect(repairs).toEqual([
      { queue: 'job.run', kind: 'dropped', count: 100 },
      { queue: 'job.run', kind: 'woken', count: 100 },
    ]);
    expect(complete).toBe(true);
    const claimed = await programs.runs.claim(programs.workerIdentity, 200);
    expect(claimed.map(({ jobId }) => jobId).sort()).toEqual(jobs.map(({ job_id }) => job_id).sort());
    expect(await db.sql('SELECT FROM pgboss.job')).toEqual([]);
    expect(await mend()).toEqual([]);
  });

  it('mends no more than it may in one round, says so, and goes on in the next', async () => {
    for (let no = 0; no < 5; no++) await queued();
    await db.sql('DELETE FROM pgboss.job');
    const woken = (count: number): Repair[] => [{ queue: 'job.run', kind: 'woken', count }];
    const small = reconciler({ repairs: 3, page: 2 });
    expect(await small.round()).toEqual({ repairs: woken(3), complete: false });
    expect(await small.round()).toEqual({ repairs: woken(2), complete: true });
  });

  it('sends the message with the priority of its job and for its time', async () => {
    const job = await queued({ runAfter: '2100-01-01T00:00:00.000000Z', priority: 7 });
    await db.sql('DELETE FROM pgboss.job');
    expect(await mend()).toEqual([{ queue: 'job.run', kind: 'woken', count: 1 }]);
    expect(await db.sql('SELECT priority, start_after::text FROM pgboss.job')).toEqual([
      { priority: 7, start_after: '2100-01-01 00:00:00+00' },
    ]);
    expect(await messagesOf(db, job)).toEqual(['job.run']);
  });

  it('may be called by many at once and mends everything once', async () => {
    for (let no = 0; no < 30; no++) await queued();
    await db.sql('DELETE FROM pgboss.job');
    const rounds = await Promise.all(Array.from({ length: 6 }, () => reconciler().round()));
    expect(rounds.flatMap(({ repairs }) => repairs)).toEqual([
      { queue: 'job.run', kind: 'woken', count: 30 },
    ]);
  });

  it('drops a message that names nothing at all', async () => {
    await db.sql(`INSERT INTO pgboss.job (name, data) VALUES ('job.run', '{}')`);
    expect(await mend()).toEqual([{ queue: 'job.run', kind: 'dropped', count: 1 }]);
  });

  it('leaves a message alone whose job is just being queued, and that a worker holds', async () => {
    const job = await aJob(db, tenantId, { status: 'failed' });
    await stray('job.run', job);
    let mended: Repair[] | undefined;
    await programs.api.transaction({ ...mine(), tenantId }, async (tx) => {
      // The last part of a retry: the row is moved, and the message that is there is enough.
      await tx.query(
        `UPDATE job SET status = 'queued', version = version + 1, finished_at = NULL WHERE tenant_id = $1 AND job_id = $2`,
        [tenantId, job.job_id],
      );
      await programs.apiQueue.wake(tx, 'job.run', { tenantId, jobId: job.job_id });
      mended = await mend();
    });
    expect(mended).toEqual([]);
    expect(await messagesOf(db, job)).toEqual(['job.run']);
    expect(await mend()).toEqual([]);

    const held = await aJob(db, tenantId, { status: 'draft_ready' });
    await stray('job.draft', held);
    expect(await programs.workerQueue.hold('job.draft')).toMatchObject({ jobId: held.job_id });
    expect(await mend()).toEqual([]);
  });

  it('lets nobody lose the message that it drops: who queues the job meanwhile sends another', async () => {
    const job = await aJob(db, tenantId, { status: 'failed' });
    await stray('job.run', job);
    const messages = new Messages();
    let retried: Promise<Job> | undefined;
    await programs.worker.acrossTenants(programs.workerScope, async (tx) => {
      const [message] = await messages.waiting(tx, 'job.run', { after: FIRST_MESSAGE, limit: 1 });
      const [locked] = await messages.lock(tx, 'job.run', [message!.messageId]);
      retried = programs.lifecycle.retry(mine(), job.job_id, null);
      await db.untilBlocked();
      await messages.drop(tx, 'job.run', [locked!.messageId]);
    });
    expect(await retried).toMatchObject({ status: 'queued' });
    expect(await messagesOf(db, job)).toEqual(['job.run']);
  });

  it('wakes a draft that waits without a message, and drops a message that no draft waits for', async () => {
    const waiting = await aJob(db, tenantId, pending);
    const idle = await aJob(db, tenantId, { status: 'draft_ready' });
    await stray('job.draft', idle);
    expect(await mend()).toEqual([
      { queue: 'job.draft', kind: 'dropped', count: 1 },
      { queue: 'job.draft', kind: 'woken', count: 1 },
    ]);
    expect([await messagesOf(db, waiting), await messagesOf(db, idle)]).toEqual([['job.draft'], []]);
  });

  it('fails a draft whose message was given up, once and with a code, but not one that was asked for since', async () => {
    const asked = await aJob(db, tenantId, pending);
    const askedSince = await aJob(db, tenantId, pending);
    for (const { job_id } of [asked, askedSince]) {
      await db.sql(
        `INSERT INTO pgboss.job (name, data, singleton_key, source_name, source_id, source_retry_count, created_on)
         VALUES ('job.dead', $1, $2, 'job.draft', gen_random_uuid(), 3, clock_timestamp() + $3::interval)`,
        [
          { tenant_id: tenantId, job_id },
          JSON.stringify([tenantId, job_id]),
          job_id === asked.job_id ? '1 second' : '-1 hour',
        ],
      );
    }
    expect(await mend()).toEqual([
      { queue: 'job.draft', kind: 'woken', count: 1 },
      { queue: 'job.draft', kind: 'given_up', count: 1 },
    ]);
    expect((await programs.lifecycle.get(mine(), asked.job_id)).draft_task).toMatchObject({
      task_id: pending.draft_task.task_id,
      state: 'failed',
      error: { code: 'DRAFT_GIVEN_UP' },
    });
    expect((await auditOf(db, asked)).map(({ action, metadata }) => [action, metadata])).toEqual([
      ['job.draft_failed', { code: 'DRAFT_GIVEN_UP' }],
    ]);
    expect(await messagesOf(db, askedSince)).toEqual(['job.dead', 'job.draft']);
    expect(await mend()).toEqual([]);
  });
});

describe('a message that is delivered twice', () => {
  it('starts one run: the second finds a job that is not queued, and goes', async () => {
    const job = await queued();
    expect(await programs.runs.claim(programs.workerIdentity, 10)).toHaveLength(1);
    await stray('job.run', job);
    expect(await programs.runs.claim(programs.workerIdentity, 10)).toEqual([]);
    expect(await messagesOf(db, job)).toEqual([]);
    expect(await programs.reads.listRuns(mine(), job.job_id)).toHaveLength(1);
    expect(await programs.lifecycle.get(mine(), job.job_id)).toMatchObject({
      status: 'running',
      lease_no: 1,
    });
  });

  it('starts one run, also when two workers are given it at once', async () => {
    const job = await queued();
    await db.sql(
      `INSERT INTO pgboss.job (name, data) VALUES ('job.run', $1)`, // without the key that keeps messages apart
      [{ tenant_id: job.tenant_id, job_id: job.job_id }],
    );
    const claims = await Promise.all([
      programs.runs.claim(programs.workerIdentity, 1),
      programs.runs.claim(programs.workerIdentity, 1),
    ]);
    expect(claims.flat()).toHaveLength(1);
    expect(await programs.reads.listRuns(mine(), job.job_id)).toHaveLength(1);
  });
});
