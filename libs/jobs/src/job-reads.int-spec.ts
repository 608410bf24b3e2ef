import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aJob, anArtifact, aTenant, JobPrograms, type TestDatabase, testDatabase } from '#testing';
import type { Job } from './job.js';
import type { JobFilter } from './job-reads.js';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;
let jobs: Job[];

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db);
  jobs = [];
  for (let n = 0; n < 10; n++) {
    jobs.push(
      await aJob(db, tenantId, {
        job_id: `job-${String(n)}`,
        // Three at each instant, and instants that differ in their last microsecond.
        created_at: `2026-01-01T00:00:00.00000${String(Math.floor(n / 3))}Z`,
        status: n % 2 === 0 ? 'created' : 'succeeded',
        labels: { team: n < 5 ? 'a' : 'b', n: String(n) },
      }),
    );
  }
  await aJob(db, await aTenant(db), { job_id: 'job-of-another' });
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const mine = () => programs.client(tenantId);
const list = async (filter: Partial<JobFilter>): Promise<string[]> =>
  (await programs.reads.list(mine(), { limit: 100, ...filter })).map((job) => job.job_id);

describe('a list of jobs', () => {
  it('has the newest first, and none of another tenant', async () => {
    expect(await list({})).toEqual(jobs.map((job) => job.job_id).reverse());
  });

  it.each([1, 3, 4, 10])('in pages of %i has each job once, whatever instants they share', async (limit) => {
    const seen: string[] = [];
    for (let page: Job[] | null = null; page === null || page.length === limit;) {
      const last: Job | undefined = page?.at(-1);
      const after = last ? { after: { createdAt: last.created_at, jobId: last.job_id } } : {};
      page = await programs.reads.list(mine(), { limit, ...after });
      seen.push(...page.map((job) => job.job_id));
    }
    expect(seen).toEqual(jobs.map((job) => job.job_id).reverse());
  });

  it('can be of some statuses, some labels, or both', async () => {
    expect(await list({ statuses: ['succeeded'], labels: { team: 'a' } })).toEqual(['job-3', 'job-1']);
    expect(await list({ labels: { team: 'a', n: '7' } })).toEqual([]);
    expect(await list({ statuses: ['running', 'failed'] })).toEqual([]);
  });
});

describe('what belongs to a job', () => {
  it('is not found by another tenant', async () => {
    const job = jobs[1]!;
    await anArtifact(db, job);
    const other = programs.client(await aTenant(db));
    for (const read of [
      () => programs.lifecycle.get(other, job.job_id),
      () => programs.lifecycle.getDraft(other, job.job_id),
      () => programs.reads.plan(other, job.job_id),
      () => programs.reads.listArtifacts(other, job.job_id),
      () => programs.reads.findArtifact(other, job.job_id, 'tables/s1.csv'),
      () => programs.reads.listRuns(other, job.job_id),
      () => programs.reads.getRun(other, job.job_id, job.run_id!),
      () => programs.inputs.list(other, job.job_id),
    ]) {
      await expect(read()).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    }
  });

  it('is missing by its own name', async () => {
    const created = jobs[0]!.job_id;
    await expect(programs.reads.plan(mine(), created)).rejects.toMatchObject({ code: 'PLAN_MISSING' });
    await expect(
      programs.reads.getRun(mine(), created, '00000000-0000-4000-8000-000000000000'),
    ).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    expect(await programs.reads.findArtifact(mine(), created, 'nothing.csv')).toBeNull();
    expect(await programs.reads.listRuns(mine(), created)).toEqual([]);
  });
});
