import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newTraceId } from '#observability';
import {
  aTenant,
  auditOf,
  JobPrograms,
  messagesOf,
  NOOP_PLAN,
  type TestDatabase,
  testDatabase,
  timePasses,
} from '#testing';
import type { Job } from './job.js';
import type { ClaimedRun } from './run.js';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  // A message that another test left would be claimed here.
  await db.sql('DELETE FROM pgboss.job');
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const mine = () => programs.client(tenantId);
const claim = (max = 100): Promise<ClaimedRun[]> => programs.runs.claim(programs.workerIdentity, max);
const get = (job: Pick<Job, 'job_id'>): Promise<Job> => programs.lifecycle.get(mine(), job.job_id);

async function queued(given: { priority?: number; runAfter?: string } = {}, tenant = tenantId): Promise<Job> {
  const { job } = await programs.lifecycle.create(
    programs.client(tenant),
    { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true, ...given },
    null,
  );
  return job;
}

describe('claim', () => {
  it('starts a run of a queued job under the next lease and takes its message', async () => {
    const job = await queued();
    const [run, ...more] = await claim();
    expect(more).toEqual([]);
    expect(run).toMatchObject({ tenantId, jobId: job.job_id, leaseNo: 1, attempt: 1, traceId: job.trace_id });
    expect(await get(job)).toMatchObject({
      status: 'running',
      version: job.version + 1,
      lease_no: 1,
      run_id: run!.runId,
    });
    const [record] = await programs.reads.listRuns(mine(), job.job_id);
    expect(record).toMatchObject({
      status: 'running',
      attempt: 1,
      worker_id: programs.workerIdentity.workerId,
      worker_build: 'test',
    });
    expect(await messagesOf(db, job)).toEqual([]);
    expect((await auditOf(db, job)).at(-1)).toMatchObject({
      ...{
        action: 'job.started',
        actor_kind: 'worker',
        actor_id: programs.workerIdentity.workerId,
        source: 'worker',
      },
      ...{ run_id: run!.runId, lease_no: 1, database_user: 'ss_worker_login' },
    });
  });

  it('gives each job to exactly one of several racing claimers, across tenants', async () => {
    const other = await aTenant(db);
    const jobs = await Promise.all(
      Array.from({ length: 40 }, (_, n) => queued({}, n % 2 === 0 ? tenantId : other)),
    );
    const claimed: ClaimedRun[] = [];
    for (let round = 0; claimed.length < jobs.length && round < 10; round++) {
      const taken = await Promise.all(Array.from({ length: 8 }, () => claim(3)));
      claimed.push(...taken.flat());
    }
    expect(claimed.map((run) => run.jobId).sort()).toEqual(jobs.map((job) => job.job_id).sort());
    const starts = await db.sql(
      `SELECT resource_id FROM audit_event WHERE action = 'job.started' AND resource_id = ANY($1)`,
      [jobs.map((job) => job.job_id)],
    );
    expect(starts).toHaveLength(jobs.length);
  });

  it('does nothing for a job that was cancelled, and its message is gone', async () => {
    const job = await queued();
    await programs.lifecycle.cancel(mine(), job.job_id, null);
    expect(await claim()).toEqual([]);
    expect(await get(job)).toMatchObject({ status: 'cancelled' });
    expect(await messagesOf(db, job)).toEqual([]);
  });

  it('leaves the message where it is when the claim fails', async () => {
    const job = await queued();
    const nobody = { ...programs.workerIdentity, workerId: 'not a uuid' };
    await expect(programs.runs.claim(nobody, 1)).rejects.toMatchObject({ code: '22P02' });
    expect(await get(job)).toMatchObject({ status: 'queued', version: job.version });
    expect(await messagesOf(db, job)).toEqual(['job.run']);
    expect(await claim()).toHaveLength(1);
  });

  it('takes the highest priority first, and of one priority the oldest', async () => {
    const jobs: Job[] = [];
    for (const priority of [0, 5, -5, 5]) jobs.push(await queued({ priority }));
    const order: string[] = [];
    while (order.length < jobs.length) order.push((await claim(1))[0]!.jobId);
    expect(order).toEqual([1, 3, 0, 2].map((n) => jobs[n]!.job_id));
  });

  it('does not see a job before its run_after', async () => {
    const [{ soon }] = (await db.sql<{ soon: string }>(
      `SELECT to_char((clock_timestamp() + interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS soon`,
    )) as [{ soon: string }];
    const job = await queued({ runAfter: soon });
    expect(await claim()).toEqual([]);
    await timePasses(db, job, 'scheduled_at');
    expect((await claim()).map((run) => run.jobId)).toEqual([job.job_id]);
  });
});
