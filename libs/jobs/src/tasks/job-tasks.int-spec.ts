import { aJob, aTenant, auditOf, JobPrograms, messagesOf, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Job } from '../job.js';
import { JOB_STATUSES, type JobStatus, moves } from '../job-moves.js';
import type { JobFilter } from '../lists/job-filter.js';
import type { Task, TaskMove } from './task.js';
import { TaskRounds } from './task-rounds.js';

const REASON = 'the data were wrong';
const OLD = '2026-01-01T00:00:00.000000Z';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;
let rounds: TaskRounds;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  rounds = roundsOf(3);
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const mine = () => ({ ...programs.client(tenantId, { requestId: 'request-1' }), reason: REASON });
const roundsOf = (batch: number): TaskRounds =>
  new TaskRounds(programs.worker, programs.workerQueue, programs.workerScope, { batch, pauseSeconds: 0 });
const begin = (move: TaskMove, filter: JobFilter): Promise<Task> =>
  programs.tasks.begin(mine(), move, filter);
const read = (job: Pick<Job, 'job_id'>): Promise<Job> => programs.lifecycle.get(mine(), job.job_id);
const old = (given: Partial<Job>): Promise<Job> =>
  aJob(db, tenantId, {
    created_at: OLD,
    ...(given.status === 'failed' ? { finished_at: OLD } : {}),
    ...given,
  });

async function oneRound(by = rounds): Promise<number> {
  const batches: string[] = [];
  for await (const { task, fault } of by.round()) {
    if (fault) throw fault;
    batches.push(task.task_id);
  }
  return batches.length;
}

/** Rounds of which nobody minds what fails. Tells who got on, in their order. */
async function rougherRounds(count: number, by = rounds): Promise<string[]> {
  const got: string[] = [];
  for (let n = 0; n < count; n++)
    for await (const { task, fault } of by.round()) if (!fault) got.push(task.task_id);
  return got;
}

/** While it works, no batch of the tenant that moves a job is carried out: its last statement is refused. */
async function withBrokenBatches(work: () => Promise<void>): Promise<void> {
  await db.sql(
    `ALTER TABLE task ADD CONSTRAINT breaks CHECK (tenant_id <> '${tenantId}' OR moved_jobs = 0) NOT VALID`,
  );
  try {
    await work();
  } finally {
    await db.sql('ALTER TABLE task DROP CONSTRAINT breaks');
  }
}

/** Rounds until the task has ended, a hundred at most. */
async function carryOut(task: Task): Promise<Task> {
  for (let n = 0; n < 100; n++) {
    const now = await programs.tasks.get(mine(), task.task_id);
    if (now.ended_at !== null) return now;
    await oneRound();
  }
  throw new Error('the task does not end');
}

const tellOf = (task: Task) =>
  db.sql<{ action: string; actor_id: string; reason: string; metadata: unknown }>(
    `SELECT action, actor_id, reason, metadata FROM audit_event
   WHERE tenant_id = $1 AND resource_type = 'task' AND resource_id = $2 ORDER BY event_id`,
    [task.tenant_id, task.task_id],
  );

describe('a task that cancels', () => {
  it('ends every open job that fits, and no other, each as a client would have ended it', async () => {
    const labels = { team: 'polar' };
    const jobs: Job[] = [];
    for (const status of JOB_STATUSES) jobs.push(await old({ status, labels }));
    const others = [
      await old({ status: 'queued' }),
      await aJob(db, await aTenant(db), { created_at: OLD, labels }),
    ];
    const waiting = jobs.find((job) => job.status === 'queued')!;
    await programs.api.transaction(mine(), (tx) =>
      programs.apiQueue.wake(tx, 'job.run', { tenantId, jobId: waiting.job_id }),
    );
    const done = await carryOut(await begin('cancel', { labels }));
    expect(done).toMatchObject({ status: 'done', moved_jobs: 5, refused_jobs: 0, failures: [] });
    for (const job of jobs) {
      const isOpen = (moves.cancel.from as readonly JobStatus[]).includes(job.status);
      const now = await read(job);
      expect([job.status, now.status, now.version]).toEqual([
        job.status,
        isOpen ? 'cancelled' : job.status,
        job.version + (isOpen ? 1 : 0),
      ]);
      if (!isOpen) continue;
      expect(await auditOf(db, job)).toMatchObject([
        {
          ...{ action: 'job.cancelled', from_status: job.status, to_status: 'cancelled', reason: REASON },
          ...{ actor_kind: 'api_key', actor_id: 'key_of_the_test', source: 'worker' },
          metadata: { task_id: done.task_id },
        },
      ]);
    }
    expect(await messagesOf(db, waiting)).toEqual([]);
    const running = jobs.find((job) => job.status === 'running')!;
    const [run] = await programs.reads.listRuns(mine(), running.job_id);
    expect(run).toMatchObject({ outcome: 'cancelled' });
    const untouched = await db.sql<{ status: string }>('SELECT status FROM job WHERE job_id = ANY ($1)', [
      others.map((job) => job.job_id),
    ]);
    expect(untouched.map(({ status }) => status).sort()).toEqual(['created', 'queued']);
  });

  it('tells the audit of itself: begun, done, by whom, why, and how many', async () => {
    await old({});
    const done = await carryOut(await begin('cancel', { text: 'species' }));
    expect(await tellOf(done)).toEqual([
      {
        ...{ action: 'task.begun', actor_id: 'key_of_the_test', reason: REASON },
        metadata: { move: 'cancel', conditions: ['text'] },
      },
      {
        ...{ action: 'task.done', actor_id: 'key_of_the_test', reason: REASON },
        metadata: { moved_jobs: 1, refused_jobs: 0 },
      },
    ]);
  });

  it('does not touch what is made after it began', async () => {
    for (let n = 0; n < 4; n++) await old({ job_id: `old-${String(n)}` });
    const task = await begin('cancel', { statuses: ['created'] });
    await oneRound();
    const later = await aJob(db, tenantId, { created_at: '2999-01-01T00:00:00.000000Z' });
    expect(await carryOut(task)).toMatchObject({ moved_jobs: 4 });
    expect((await read(later)).status).toBe('created');
  });

  it('goes on where it was when its worker dies between a batch and the next, and in the middle of one', async () => {
    for (let n = 0; n < 10; n++) await old({ job_id: `job-${String(n)}` });
    const task = await begin('cancel', { statuses: ['created'] });
    await oneRound();
    expect(await programs.tasks.get(mine(), task.task_id)).toMatchObject({
      status: 'running',
      moved_jobs: 3,
    });
    // The batch fails in its last statement: nothing of it stays.
    await db.sql(`ALTER TABLE task ADD CONSTRAINT breaks CHECK (moved_jobs < 6) NOT VALID`);
    await expect(oneRound()).rejects.toThrow(/breaks/);
    await db.sql(`ALTER TABLE task DROP CONSTRAINT breaks`);
    expect(await programs.tasks.get(mine(), task.task_id)).toMatchObject({ moved_jobs: 3 });
    expect(
      await db.sql(`SELECT FROM job WHERE tenant_id = $1 AND status = 'cancelled'`, [tenantId]),
    ).toHaveLength(3);
    rounds = roundsOf(4);
    expect(await carryOut(task)).toMatchObject({ status: 'done', moved_jobs: 10, refused_jobs: 0 });
    const rows = await db.sql(
      `SELECT FROM audit_event WHERE tenant_id = $1 AND action = 'job.cancelled' AND resource_type = 'job'`,
      [tenantId],
    );
    expect(rows).toHaveLength(10);
  });

  it('is done once by many workers at the same time', async () => {
    for (let n = 0; n < 12; n++) await old({ job_id: `job-${String(n)}` });
    const task = await begin('cancel', { statuses: ['created'] });
    const workers = Array.from({ length: 4 }, () => roundsOf(2));
    for (let n = 0; n < 8; n++) await Promise.all(workers.map((worker) => oneRound(worker)));
    expect(await programs.tasks.get(mine(), task.task_id)).toMatchObject({ status: 'done', moved_jobs: 12 });
  });

  it('with conditions that no job can fit is done at once', async () => {
    await old({ status: 'succeeded' });
    expect(await carryOut(await begin('cancel', { statuses: ['succeeded'] }))).toMatchObject({
      moved_jobs: 0,
    });
    expect(await carryOut(await begin('retry', { text: '?' }))).toMatchObject({ moved_jobs: 0 });
  });
});

describe('a task that retries', () => {
  it('queues what had failed when it began, each with a fresh start and a message', async () => {
    const failed = await old({ status: 'failed', attempts: 3, priority: 4 });
    const kept = await old({ status: 'succeeded' });
    const task = await begin('retry', { createdSince: OLD });
    const later = await aJob(db, tenantId, {
      created_at: OLD,
      status: 'failed',
      finished_at: '2999-01-01T00:00:00Z',
    });
    expect(await carryOut(task)).toMatchObject({ moved_jobs: 1, refused_jobs: 0 });
    expect(await read(failed)).toMatchObject({
      status: 'queued',
      attempts: 0,
      error: null,
      finished_at: null,
    });
    expect(await messagesOf(db, failed)).toEqual(['job.run']);
    expect([(await read(kept)).status, (await read(later)).status]).toEqual(['succeeded', 'failed']);
  });

  it('waits where the queue is full, and goes on when there is room', async () => {
    await db.put('tenant_quota', { tenant_id: tenantId, queued_jobs: 2 });
    const jobs: Job[] = [];
    for (let n = 0; n < 5; n++) jobs.push(await old({ job_id: `job-${String(n)}`, status: 'failed' }));
    const task = await begin('retry', { statuses: ['failed'] });
    for (let n = 0; n < 3; n++) await oneRound();
    expect(await programs.tasks.get(mine(), task.task_id)).toMatchObject({
      status: 'running',
      moved_jobs: 2,
    });
    await programs.lifecycle.cancel(mine(), 'job-0', null);
    await db.sql('UPDATE tenant_quota SET queued_jobs = 4 WHERE tenant_id = $1', [tenantId]);
    await oneRound();
    expect(await programs.tasks.get(mine(), task.task_id)).toMatchObject({ moved_jobs: 5 });
    expect(await carryOut(task)).toMatchObject({ status: 'done', moved_jobs: 5, refused_jobs: 0 });
  });
});

describe('a task whose batch fails', () => {
  it('ends as failed after eight tries, says why, and has moved nothing', async () => {
    const job = await old({});
    const task = await begin('cancel', { statuses: ['created'] });
    await withBrokenBatches(async () => {
      await rougherRounds(7);
      expect(await programs.tasks.get(mine(), task.task_id)).toMatchObject({
        ...{ status: 'running', failed_batches: 7, error: null },
      });
      await rougherRounds(5);
    });
    expect(await programs.tasks.get(mine(), task.task_id)).toMatchObject({
      ...{ status: 'failed', failed_batches: 8, moved_jobs: 0, error: { code: 'TASK_BATCH_FAILED' } },
      ended_at: expect.any(String),
    });
    expect(await tellOf(task)).toMatchObject([
      { action: 'task.begun' },
      {
        ...{ action: 'task.failed', actor_id: 'key_of_the_test', reason: REASON },
        metadata: { moved_jobs: 0, refused_jobs: 0, code: 'TASK_BATCH_FAILED' },
      },
    ]);
    expect((await read(job)).version).toBe(job.version);
    expect(await oneRound()).toBe(0);
    await expect(programs.tasks.cancel(mine(), task.task_id)).rejects.toMatchObject({ code: 'TASK_ENDED' });
  });

  it('counts failures in a row: a batch that is carried out begins anew', async () => {
    for (let n = 0; n < 6; n++) await old({ job_id: `job-${String(n)}` });
    const task = await begin('cancel', { statuses: ['created'] });
    await withBrokenBatches(async () => {
      await rougherRounds(7);
    });
    await oneRound();
    expect(await programs.tasks.get(mine(), task.task_id)).toMatchObject({
      ...{ status: 'running', moved_jobs: 3, failed_batches: 0 },
    });
    expect(await carryOut(task)).toMatchObject({ status: 'done', moved_jobs: 6, error: null });
  });

  it('rests between its tries, each time longer, and holds up no other task', async () => {
    await old({});
    const failing = await begin('cancel', { statuses: ['created'] });
    const resting = new TaskRounds(programs.worker, programs.workerQueue, programs.workerScope, { batch: 3 });
    await withBrokenBatches(async () => {
      const own = tenantId;
      tenantId = await aTenant(db);
      for (let n = 0; n < 9; n++) await old({ job_id: `job-${String(n)}` });
      const other = await begin('cancel', { statuses: ['created'] });
      const got = await rougherRounds(4, resting);
      expect(got.filter((taskId) => taskId === other.task_id)).toHaveLength(4);
      tenantId = own;
      // Four rounds, in far less than the second of the first pause.
      expect(await programs.tasks.get(mine(), failing.task_id)).toMatchObject({ failed_batches: 1 });
      const ago = (seconds: number) =>
        db.sql('UPDATE task SET seen_at = clock_timestamp() - make_interval(secs => $2) WHERE task_id = $1', [
          failing.task_id,
          seconds,
        ]);
      const tries = async () => (await programs.tasks.get(mine(), failing.task_id)).failed_batches;
      await ago(1.1);
      await rougherRounds(1, resting);
      expect(await tries()).toBe(2);
      await ago(1.1);
      await rougherRounds(1, resting);
      expect(await tries()).toBe(2);
      await ago(2.1);
      await rougherRounds(1, resting);
      expect(await tries()).toBe(3);
    });
    await db.sql('UPDATE task SET seen_at = $2 WHERE task_id = $1', [failing.task_id, OLD]);
    expect(await carryOut(failing)).toMatchObject({ status: 'done', moved_jobs: 1 });
  });

  it('because others hold its jobs never fails of that', async () => {
    const job = await old({});
    const task = await begin('cancel', { statuses: ['created'] });
    await db.sql('UPDATE task SET failed_batches = 7, seen_at = now() WHERE task_id = $1', [task.task_id]);
    const holder = await db.session('ss_owner', tenantId);
    const held = await holder.query('SELECT job_id FROM job WHERE job_id = $1 FOR UPDATE', [job.job_id]);
    expect(held).toHaveLength(1);
    expect(await rougherRounds(1)).toEqual([]);
    await holder.end();
    expect(await programs.tasks.get(mine(), task.task_id)).toMatchObject({
      ...{ status: 'running', failed_batches: 7, moved_jobs: 0 },
    });
    expect(await carryOut(task)).toMatchObject({ status: 'done', moved_jobs: 1 });
  }, 60_000);
});

describe('a task', () => {
  it('that is cancelled does no more, and its end is on the audit', async () => {
    for (let n = 0; n < 6; n++) await old({ job_id: `job-${String(n)}` });
    const task = await begin('cancel', { statuses: ['created'] });
    await oneRound();
    const cancelled = await programs.tasks.cancel(mine(), task.task_id);
    expect(cancelled).toMatchObject({ status: 'cancelled', moved_jobs: 3 });
    expect(await oneRound()).toBe(0);
    expect((await tellOf(task)).map(({ action }) => action)).toEqual(['task.begun', 'task.cancelled']);
    await expect(programs.tasks.cancel(mine(), task.task_id)).rejects.toMatchObject({ code: 'TASK_ENDED' });
  });

  it('of another tenant is not found, and cannot be ended', async () => {
    const task = await begin('cancel', { statuses: ['created'] });
    const other = { ...programs.client(await aTenant(db)), reason: REASON };
    await expect(programs.tasks.get(other, task.task_id)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
    await expect(programs.tasks.cancel(other, task.task_id)).rejects.toMatchObject({
      code: 'TASK_NOT_FOUND',
    });
    expect((await programs.tasks.get(mine(), task.task_id)).status).toBe('pending');
  });

  it('does not hold up another one', async () => {
    for (let n = 0; n < 9; n++) await old({ job_id: `job-${String(n)}` });
    const first = await begin('cancel', { statuses: ['created'] });
    await oneRound();
    const own = tenantId;
    tenantId = await aTenant(db);
    await old({});
    const second = await begin('cancel', { statuses: ['created'] });
    await oneRound();
    expect(await programs.tasks.get(mine(), second.task_id)).toMatchObject({ status: 'done', moved_jobs: 1 });
    tenantId = own;
    expect(await programs.tasks.get(mine(), first.task_id)).toMatchObject({
      status: 'running',
      moved_jobs: 6,
    });
  });

  it('that ended a month ago is forgotten', async () => {
    const task = await carryOut(await begin('retry', { statuses: ['failed'] }));
    expect(await rounds.forgetOld()).toBe(0);
    await db.sql(`UPDATE task SET ended_at = now() - interval '31 days' WHERE task_id = $1`, [task.task_id]);
    expect(await rounds.forgetOld()).toBe(1);
  });

  it('can be previewed: how many, which, and nothing is done', async () => {
    const open = await old({ labels: { team: 'x' } });
    await old({ labels: { team: 'x' }, status: 'failed' });
    const labels = { team: 'x' };
    expect(await programs.tasks.preview(mine(), 'cancel', { labels })).toEqual({
      jobs: { value: 1, relation: 'exact' },
      examples: [open.job_id],
    });
    expect(await programs.tasks.preview(mine(), 'retry', { statuses: ['created'] })).toEqual({
      jobs: { value: 0, relation: 'exact' },
      examples: [],
    });
    expect((await read(open)).version).toBe(open.version);
  });
});
