import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aJob, anArtifact, aTenant, JobPrograms, type TestDatabase, testDatabase } from '#testing';
import type { Job } from './job.js';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;
let jobs: Job[];

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db);
  jobs = [await aJob(db, tenantId, { status: 'created' }), await aJob(db, tenantId, { status: 'succeeded' })];
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const mine = () => programs.client(tenantId);

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
