import { aJob, aTenant, JobPrograms, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Readable } from 'node:stream';
import { JobRetention } from './job-retention.js';
import { JobUploads } from './job-uploads.js';

const CSV = 'a,b\n1,2\n';
const FILE = { name: 'x.csv', role: 'other', bytes: CSV.length } as const;
const NO_PAUSE = { jobs: 100, keys: 100, pauseMs: 0, spareMs: 0 };

let db: TestDatabase;
let programs: JobPrograms;
let uploads: JobUploads;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  uploads = new JobUploads(programs.api, programs.store, programs.inputs, {
    maxBytes: 1_000,
    ttlSeconds: 60,
  });
  await aTenant(db, 'mine');
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const scope = (): ReturnType<JobPrograms['client']> => programs.client('mine');
const content = (): Readable => Readable.from([Buffer.from(CSV)]);
const rows = (): Promise<unknown[]> => db.sql('SELECT upload_id FROM input_upload');

describe('an announced upload', () => {
  it('is finished by one of two who have all of it, and adds one dataset', async () => {
    const job = await aJob(db, 'mine', { status: 'created' });
    const upload = await uploads.announce(scope(), job.job_id, FILE);
    const outcomes = await Promise.allSettled([
      uploads.finish(scope(), upload, content()),
      uploads.finish(scope(), upload, content()),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'UPLOAD_NOT_FOUND' },
    });
    const { datasets } = await programs.inputs.list(scope(), job.job_id);
    expect(datasets).toMatchObject([{ original_name: 'x.csv', bytes: CSV.length }]);
    // What the other had brought is gone, and what the one brought is there.
    expect((await programs.store.removeAll({ tenantId: 'mine', jobId: job.job_id })).files).toBe(1);
  });

  it('counts as stored until its time is over, and is swept then', async () => {
    await db.sql(`INSERT INTO tenant_quota (tenant_id, storage_bytes) VALUES ('mine', 20)
      ON CONFLICT (tenant_id) DO UPDATE SET storage_bytes = 20`);
    const job = await aJob(db, 'mine', { status: 'created' });
    const jobUploads = (): ReturnType<JobUploads['announce']> => uploads.announce(scope(), job.job_id, FILE);
    await jobUploads();
    await expect(jobUploads()).rejects.toMatchObject({ code: 'QUOTA_STORAGE_EXCEEDED' });
    await db.sql(`UPDATE input_upload SET expires_at = clock_timestamp()`);
    const open = await jobUploads();
    const retention = new JobRetention(programs.worker, programs.store, programs.workerScope, null, NO_PAUSE);
    await retention.deleteEnded();
    expect(await rows()).toEqual([{ upload_id: open.upload_id }]);
    await db.sql(`UPDATE tenant_quota SET storage_bytes = NULL WHERE tenant_id = 'mine'`);
  });

  it('is refused for a job whose inputs are fixed, and one more than a job may have', async () => {
    const queued = await aJob(db, 'mine', { status: 'queued' });
    await expect(uploads.announce(scope(), queued.job_id, FILE)).rejects.toMatchObject({
      code: 'JOB_LOCKED',
    });
    const job = await aJob(db, 'mine', { status: 'created' });
    for (let n = 0; n < 50; n += 1) await uploads.announce(scope(), job.job_id, FILE);
    await expect(uploads.announce(scope(), job.job_id, FILE)).rejects.toMatchObject({
      code: 'INPUT_DATASETS_LIMIT_EXCEEDED',
    });
  });

  it('goes with the data of its job', async () => {
    const job = await aJob(db, 'mine', { status: 'created' });
    await uploads.announce(scope(), job.job_id, FILE);
    await programs.lifecycle.cancel({ ...scope(), reason: 'no need' }, job.job_id, null);
    await programs.erasure.erase({ ...scope(), reason: 'asked to' }, job.job_id, null);
    expect(await db.sql('SELECT 1 FROM input_upload WHERE job_id = $1', [job.job_id])).toEqual([]);
  });

  it('goes with the answer that was kept for its repeat, which makes no other one', async () => {
    const job = await aJob(db, 'mine', { status: 'created' });
    const repeat = { route: 'POST uploads', key: 'once', bodySha256: 'b', ttlHours: 24 };
    const announce = (): ReturnType<JobUploads['announce']> =>
      uploads.announce({ ...scope(), repeat }, job.job_id, { ...FILE, name: 'Zebrafink.csv' });
    expect((await announce()).upload_id).toBe((await announce()).upload_id);
    const kept = (): Promise<unknown[]> =>
      db.sql(`SELECT key FROM idempotency_key WHERE response_body::text LIKE '%Zebrafink%'`);
    expect(await kept()).toEqual([{ key: 'once' }]);
    await programs.lifecycle.cancel({ ...scope(), reason: 'no need' }, job.job_id, null);
    await programs.erasure.erase({ ...scope(), reason: 'asked to' }, job.job_id, null);
    expect(await kept()).toEqual([]);
    await expect(announce()).rejects.toMatchObject({ code: 'JOB_DATA_ERASED' });
  });

  it('past the API is not to be had with a folder', async () => {
    const job = await aJob(db, 'mine', { status: 'created' });
    const file = { ...FILE, sha256: 'a'.repeat(64) };
    await expect(uploads.presign(scope(), job.job_id, file)).rejects.toMatchObject({
      code: 'PRESIGN_UNSUPPORTED',
    });
  });
});
