import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { aJob, anArtifact, aTenant, JobPrograms, type TestDatabase, testDatabase } from '#testing';
import { Readable } from 'node:stream';
import { JobArtifacts, type NewArtifact } from './job-artifacts.js';
import type { Job } from './job.js';
import { QuotaReports } from './quota-reports.js';

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

const current = async () => (await new QuotaReports(programs.api).of(programs.client(tenantId))).current;

/** As a step keeps it; a file of the same path takes the place of the one before. */
async function keep(job: Job, path: string, bytes: number): Promise<void> {
  const artifact: NewArtifact = {
    ...{ rel_path: path, kind: 'table.csv', content_type: 'text/csv', bytes, sha256: 'a'.repeat(64) },
    ...{ storage_name: `runs/x/${path}`, run_id: null, step_id: null },
  };
  const ref = { tenantId, jobId: job.job_id };
  await programs.worker.transaction({ ...programs.workerScope, tenantId }, (tx) =>
    new JobArtifacts().keep(tx, ref, [artifact]),
  );
}

describe('what a tenant uses now', () => {
  it('is its own: jobs in the queue and open runs', async () => {
    for (const status of ['queued', 'queued', 'running', 'succeeded'] as const) {
      await aJob(db, tenantId, { status });
    }
    const other = await aTenant(db);
    await aJob(db, other, { status: 'queued' });
    expect(await current()).toEqual({ queued_jobs: 2, running_jobs: 1, storage_bytes: 0 });
  });

  it('counts the bytes of artifacts that come, are replaced and go, by whichever statement', async () => {
    const job = await aJob(db, tenantId, { status: 'running' });
    await keep(job, 'a.csv', 100);
    await keep(job, 'b.csv', 30);
    await keep(job, 'a.csv', 70);
    expect(await current()).toMatchObject({ storage_bytes: 100 });
    await db.sql(`DELETE FROM artifact WHERE tenant_id = $1 AND rel_path = 'b.csv'`, [tenantId]);
    expect(await current()).toMatchObject({ storage_bytes: 70 });
  });

  it('counts the bytes of inputs', async () => {
    const job = await aJob(db, tenantId);
    const name = 'penguins.csv';
    const content = 'species,mass\nadelie,3700\n';
    const ref = { tenantId, jobId: job.job_id };
    const room = await programs.inputs.open(programs.client(tenantId), job.job_id, null);
    const file = { name, role: 'primary_dataset' as const, content: Readable.from([Buffer.from(content)]) };
    const received = await programs.inputs.receive(ref, file, room);
    await programs.inputs.add(programs.client(tenantId), job.job_id, [received], null);
    expect(await current()).toMatchObject({ storage_bytes: content.length });
    await programs.inputs.remove(programs.client(tenantId), job.job_id, 'penguins', null);
    expect(await current()).toMatchObject({ storage_bytes: 0 });
  });

  it('loses no byte of many who write at the same time, and none of another tenant’s', async () => {
    const job = await aJob(db, tenantId, { status: 'running' });
    const other = await aJob(db, await aTenant(db), { status: 'running' });
    await anArtifact(db, other);
    await Promise.all(Array.from({ length: 40 }, (_, n) => keep(job, `${String(n)}.csv`, n)));
    expect(await current()).toMatchObject({ storage_bytes: (39 * 40) / 2 });
  });
});
