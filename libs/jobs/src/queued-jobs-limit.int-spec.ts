import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newTraceId } from '#observability';
import { aJob, aTenant, JobPrograms, NOOP_PLAN, type TestDatabase, testDatabase } from '#testing';
import { readdir } from 'node:fs/promises';
import type { Job } from './job.js';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const mine = () => programs.client(tenantId);
const limitTo = (queuedJobs: number): Promise<unknown> =>
  db.put('tenant_quota', { tenant_id: tenantId, queued_jobs: queuedJobs });

async function submit(given: { jobId?: string; hold?: boolean } = {}): Promise<Job> {
  const request = { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true, ...given };
  return (await programs.lifecycle.create(mine(), request, null)).job;
}

/** So many submits at once; how many got through, and what the others were told. */
async function race(submits: number): Promise<{ queued: number; refusals: unknown[] }> {
  const all = await Promise.allSettled(Array.from({ length: submits }, () => submit()));
  const refusals = all.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  return { queued: submits - refusals.length, refusals };
}

const inQueue = async (): Promise<number> =>
  (await db.sql(`SELECT FROM job WHERE tenant_id = $1 AND status = 'queued'`, [tenantId])).length;

/** Many rows of waiting jobs at once. */
async function fill(jobs: number): Promise<void> {
  if (jobs < 1) return;
  const { job_id } = await aJob(db, tenantId, { status: 'queued' });
  await db.sql('SET session_replication_role = replica');
  await db.sql(
    `INSERT INTO job SELECT (jsonb_populate_record(job, jsonb_build_object('job_id', job_id || n))).*
     FROM job, generate_series(2, $2) AS n WHERE tenant_id = $1 AND job_id = $3`,
    [tenantId, jobs, job_id],
  );
  await db.sql('RESET session_replication_role');
}

/** The files of the tenant in the store. */
async function files(): Promise<string[]> {
  const folder = new URL(`file://${programs.store.pathOf({ tenantId, jobId: 'x', storageName: 'x' })}`);
  const root = new URL('../../', folder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

describe('the limit of jobs in the queue', () => {
  it('lets exactly those through that there is room for, of 50 at once', async () => {
    await limitTo(20);
    for (let n = 0; n < 7; n++) await submit();
    const { queued, refusals } = await race(50);
    expect(queued).toBe(13);
    expect(await inQueue()).toBe(20);
    expect(refusals).toHaveLength(37);
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        code: 'QUOTA_QUEUED_JOBS_EXCEEDED',
        facts: { limit: 20, current: 20, retry_after_seconds: expect.any(Number) },
      });
    }
  });

  it('is as exact where most of those before were only counted', async () => {
    const [{ connections }] = (await db.sql(
      `SELECT current_setting('max_connections')::integer AS connections`,
    )) as [{ connections: number }];
    // The first of them are as far from the limit as there are connections: then it gets near.
    await fill(50);
    await limitTo(50 + connections + 5);
    expect((await race(50)).refusals).toEqual([]);
    await fill(connections - 65);
    expect((await race(50)).queued).toBe(20);
    expect(await inQueue()).toBe(50 + connections + 5);
  });

  it('leaves nothing of what was refused: no job, no message, no audit, no file', async () => {
    await limitTo(0);
    const before = await files();
    await expect(submit({ jobId: 'refused' })).rejects.toMatchObject({ code: 'QUOTA_QUEUED_JOBS_EXCEEDED' });
    expect(await db.sql('SELECT FROM job WHERE tenant_id = $1', [tenantId])).toEqual([]);
    expect(await db.sql('SELECT FROM audit_event WHERE tenant_id = $1', [tenantId])).toEqual([]);
    const messages = `SELECT FROM pgboss.job WHERE data ->> 'tenant_id' = $1`;
    expect(await db.sql(messages, [tenantId])).toEqual([]);
    expect(await files()).toEqual(before);
  });

  it('holds for confirm, run and retry as well', async () => {
    await limitTo(1);
    const held = await submit({ hold: true });
    const request = { traceId: newTraceId(), plan: NOOP_PLAN };
    const { job: drafted } = await programs.lifecycle.create(mine(), request, null);
    const failed = await aJob(db, tenantId, { status: 'failed' });
    await submit();
    const refused = { code: 'QUOTA_QUEUED_JOBS_EXCEEDED', facts: { limit: 1, current: 1 } };
    await expect(programs.lifecycle.confirm(mine(), drafted.job_id, { version: null })).rejects.toMatchObject(
      refused,
    );
    await expect(programs.lifecycle.enqueue(mine(), held.job_id, null)).rejects.toMatchObject(refused);
    await expect(programs.lifecycle.retry(mine(), failed.job_id, null)).rejects.toMatchObject(refused);
    for (const { job_id, status, version } of [held, drafted, failed]) {
      expect(await programs.lifecycle.get(mine(), job_id)).toMatchObject({ status, version });
    }
    // What cannot be moved at all is told so, whatever there is room for.
    await expect(programs.lifecycle.retry(mine(), held.job_id, null)).rejects.toMatchObject({
      code: 'JOB_ILLEGAL_TRANSITION',
    });
  });

  it('does not hold for a worker that gives a job back', async () => {
    const job = await submit();
    const claimed = await programs.runs.claim(programs.workerIdentity, 1_000);
    const run = claimed.find(({ jobId }) => jobId === job.job_id);
    await limitTo(0);
    await programs.runs.settle(run!, { outcome: 'interrupted' });
    expect(await programs.lifecycle.get(mine(), job.job_id)).toMatchObject({ status: 'queued' });
  });

  it('is another tenant’s affair alone', async () => {
    await limitTo(0);
    tenantId = await aTenant(db);
    expect((await race(5)).queued).toBe(5);
  });

  it('holds for the next submit when it is changed', async () => {
    await limitTo(0);
    await expect(submit()).rejects.toMatchObject({ code: 'QUOTA_QUEUED_JOBS_EXCEEDED' });
    await db.sql('UPDATE tenant_quota SET queued_jobs = 1 WHERE tenant_id = $1', [tenantId]);
    await submit();
    await expect(submit()).rejects.toMatchObject({ facts: { limit: 1, current: 1 } });
  });
});
