import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Queue } from '#queue';
import { aJob, aTenant, auditOf, messagesOf, type TestDatabase, testDatabase } from '#testing';
import { randomUUID } from 'node:crypto';
import type { Job } from './job.js';
import { Redrive, type Redriven } from './redrive.js';

const scope = {
  actor: { kind: 'operator', id: 'ann' },
  source: 'ssctl',
  reason: 'the model is back',
} as const;

let db: TestDatabase;
let queue: Queue;
let redrive: Redrive;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  const operator = db.database('ss_operator');
  queue = new Queue(operator, scope, { consumes: false, onError: () => undefined });
  await queue.start();
  redrive = new Redrive(operator, queue);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  await db.sql('DELETE FROM pgboss.job');
});
afterAll(async () => {
  await queue.stop();
  await db.drop();
});

const failedWith = (code: string) => ({
  draft_task: { task_id: randomUUID(), state: 'failed', error: { code, message: 'x' } } as const,
});

async function died(job: Pick<Job, 'job_id'>, from = 'job.draft'): Promise<void> {
  await db.sql(
    `INSERT INTO pgboss.job (name, data, singleton_key, source_name, source_id, source_retry_count, source_created_on)
     VALUES ('job.dead', $1, $2, $3, gen_random_uuid(), 3, clock_timestamp())`,
    [{ tenant_id: tenantId, job_id: job.job_id }, JSON.stringify([tenantId, job.job_id]), from],
  );
}
const run = (dryRun: boolean, limit = 100): Promise<Redriven[]> =>
  redrive.redrive(scope, { queue: null, limit, dryRun });
const said = (items: readonly Redriven[]): unknown[] =>
  items.map(({ jobId, outcome, skipped, jobStatus }) => [jobId, outcome, skipped, jobStatus]);

it('sends what its job still wants, says why it skips the rest, and leaves that where it is', async () => {
  const givenUp = await aJob(db, tenantId, failedWith('DRAFT_GIVEN_UP'));
  const failedSince = await aJob(db, tenantId, failedWith('DRAFT_FAILED'));
  const drafted = await aJob(db, tenantId, { status: 'draft_ready' });
  const run_ = await aJob(db, tenantId, { status: 'queued' });
  const ended = await aJob(db, tenantId, { status: 'succeeded' });
  for (const job of [givenUp, failedSince, drafted, { job_id: 'gone' }]) await died(job);
  for (const job of [run_, ended]) await died(job, 'job.run');
  const expected = [
    [givenUp.job_id, 'resent', null, 'created'],
    [failedSince.job_id, 'skipped', 'NOT_WANTED', 'created'],
    [drafted.job_id, 'skipped', 'NOT_WANTED', 'draft_ready'],
    ['gone', 'skipped', 'JOB_MISSING', null],
    [run_.job_id, 'resent', null, 'queued'],
    [ended.job_id, 'skipped', 'NOT_WANTED', 'succeeded'],
  ];

  expect(said(await run(true))).toEqual(expected);
  // A dry run changed nothing, neither message nor job nor audit.
  expect(await redrive.list(scope, { queue: null, limit: 100 })).toHaveLength(6);
  expect(await messagesOf(db, givenUp)).toEqual(['job.dead']);
  expect(await auditOf(db, givenUp)).toEqual([]);

  expect(said(await run(false))).toEqual(expected);
  expect(await messagesOf(db, givenUp)).toEqual(['job.draft']);
  expect(await messagesOf(db, run_)).toEqual(['job.run']);
  expect((await redrive.list(scope, { queue: null, limit: 100 })).map(({ jobId }) => jobId)).toEqual([
    failedSince.job_id,
    drafted.job_id,
    'gone',
    ended.job_id,
  ]);
  expect((await auditOf(db, givenUp)).map(({ action, reason }) => [action, reason])).toEqual([
    ['job.draft_requested', 'the model is back'],
  ]);
  expect(
    await db.sql(
      `SELECT tenant_id, action, resource_type, resource_id, actor_kind, actor_id, reason, metadata
       FROM audit_event WHERE resource_type = 'queue' ORDER BY resource_id`,
    ),
  ).toEqual(
    [
      { resource_id: 'job.draft', metadata: { resent: 1, skipped: 3 } },
      { resource_id: 'job.run', metadata: { resent: 1, skipped: 1 } },
    ].map((row) => ({
      ...{ tenant_id: '@platform', action: 'queue.redriven', resource_type: 'queue' },
      ...{ actor_kind: 'operator', actor_id: 'ann', reason: 'the model is back' },
      ...row,
    })),
  );
});

it('takes the longest dead first, so many at most, of one queue if asked', async () => {
  const jobs = [];
  for (let no = 0; no < 3; no++) jobs.push(await aJob(db, tenantId, failedWith('DRAFT_GIVEN_UP')));
  for (const job of jobs) await died(job);
  expect((await run(false, 2)).map(({ jobId }) => jobId)).toEqual(
    jobs.slice(0, 2).map(({ job_id }) => job_id),
  );
  expect(await redrive.redrive(scope, { queue: 'job.run', limit: 10, dryRun: true })).toEqual([]);
});

it('does not send a second message beside one that waits', async () => {
  const draft_task = { task_id: randomUUID(), state: 'pending' } as const;
  const job = await aJob(db, tenantId, { draft_task });
  await died(job);
  await db
    .database('ss_operator')
    .acrossTenants(scope, (tx) => queue.wake(tx, 'job.draft', { tenantId, jobId: job.job_id }));
  expect(said(await run(false))).toEqual([[job.job_id, 'skipped', 'WAITS_ALREADY', 'created']]);
});
