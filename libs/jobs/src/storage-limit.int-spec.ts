import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newTraceId } from '#observability';
import { aJob, aTenant, JobPrograms, NOOP_PLAN, type TestDatabase, testDatabase } from '#testing';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { JobArtifacts, type NewArtifact } from './job-artifacts.js';
import type { ReceivedDataset } from './job-inputs.js';
import type { Job } from './job.js';
import { QuotaReports } from './quota-reports.js';
import type { ClaimedRun } from './run.js';

const REFUSED = { code: 'QUOTA_STORAGE_EXCEEDED' };
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
const limitTo = async (bytes: number | null): Promise<void> => {
  await db.sql(
    `INSERT INTO tenant_quota (tenant_id, storage_bytes) VALUES ($1, $2)
     ON CONFLICT (tenant_id) DO UPDATE SET storage_bytes = $2`,
    [tenantId, bytes],
  );
};
const stored = async (): Promise<number> =>
  (await new QuotaReports(programs.api).of(mine())).current.storage_bytes;
const artifactRows = async (): Promise<number> =>
  (await db.sql('SELECT FROM artifact WHERE tenant_id = $1', [tenantId])).length;
const files = async (): Promise<string[]> => {
  const job = programs.store.pathOf({ tenantId, jobId: 'x', storageName: 'x' });
  const root = dirname(dirname(dirname(job)));
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
};

const artifact = (bytes: number, path = 'a.csv'): NewArtifact => ({
  ...{ rel_path: path, kind: 'table.csv', content_type: 'text/csv', bytes, sha256: 'a'.repeat(64) },
  ...{ storage_name: `runs/x/${path}`, run_id: null, step_id: null },
});

/** As a worker keeps what a step made. */
async function keep(job: Job, ...artifacts: NewArtifact[]): Promise<void> {
  const ref = { tenantId, jobId: job.job_id };
  await programs.worker.transaction({ ...programs.workerScope, tenantId }, (tx) =>
    new JobArtifacts().keep(tx, ref, artifacts),
  );
}

const received = (bytes: number): ReceivedDataset => ({
  ...{ role: 'other', original_name: 'a.csv', format: 'csv', sha256: 'a'.repeat(64), bytes },
  ...{ storage_name: 'inputs/x.csv', profile: { rowCount: 0, columns: [], sampleRows: [] } },
});

/** How many of these got through; all others were refused, and told why. */
async function through(all: readonly Promise<unknown>[]): Promise<number> {
  const results = await Promise.allSettled(all);
  for (const result of results) {
    if (result.status === 'rejected') {
      expect(result.reason).toMatchObject({
        ...REFUSED,
        facts: { limit: expect.any(Number), current: expect.any(Number), retry_after_seconds: 60 },
      });
    }
  }
  return results.filter(({ status }) => status === 'fulfilled').length;
}

describe('the limit of stored bytes', () => {
  it('lets exactly those uploads through that fit, of 30 at once', async () => {
    await limitTo(10_500);
    const jobs = await Promise.all(Array.from({ length: 30 }, () => aJob(db, tenantId)));
    const uploads = jobs.map(({ job_id }) => programs.inputs.add(mine(), job_id, [received(1_000)], null));
    expect(await through(uploads)).toBe(10);
    expect(await stored()).toBe(10_000);
    const rows = await db.sql('SELECT bytes FROM input_dataset WHERE tenant_id = $1', [tenantId]);
    expect(rows).toHaveLength(10);
  });

  it('is as exact where most of those before only looked', async () => {
    const [{ connections }] = (await db.sql(
      `SELECT current_setting('max_connections')::integer AS connections`,
    )) as [{ connections: number }];
    // Of such files each is small enough; the first of them are just outside of the last tenth.
    const limit = connections * 10 * 100;
    const job = await aJob(db, tenantId, { status: 'running' });
    await keep(job, artifact(limit * 0.9 - 20 * 100 - 1));
    await limitTo(limit);
    const fit = limit / 10 / 100 + 20;
    const writes = Array.from({ length: fit + 40 }, (_, n) => keep(job, artifact(100, String(n))));
    expect(await through(writes)).toBe(fit);
    expect(await stored()).toBe(limit - 1);
  });

  it('leaves nothing of an upload that does not fit, and tells what there is', async () => {
    await limitTo(1_500);
    const job = await aJob(db, tenantId);
    await programs.inputs.add(mine(), job.job_id, [received(1_000)], null);
    const { job: before } = await programs.inputs.list(mine(), job.job_id);
    const refusal = { ...REFUSED, facts: { limit: 1_500, current: 1_000 } };
    const two = [received(400), received(400)];
    await expect(programs.inputs.add(mine(), job.job_id, two, null)).rejects.toMatchObject(refusal);
    const { job: after, datasets } = await programs.inputs.list(mine(), job.job_id);
    expect([after, datasets.length]).toEqual([before, 1]);
  });

  it('stops a file on its way that would not fit', async () => {
    await limitTo(1_500);
    const job = await aJob(db, tenantId);
    const ref = { tenantId, jobId: job.job_id };
    await programs.inputs.add(mine(), job.job_id, [received(1_000)], null);
    const room = await programs.inputs.open(mine(), job.job_id, null);
    let asked = 0;
    const endless = Readable.from(
      (function* () {
        for (;;) {
          asked += 1;
          yield Buffer.alloc(100, 'a');
        }
      })(),
      { highWaterMark: 1 },
    );
    const file = { name: 'a.csv', role: 'other', content: endless } as const;
    await expect(programs.inputs.receive(ref, file, room)).rejects.toMatchObject({
      ...REFUSED,
      facts: { limit: 1_500, current: 1_000 },
    });
    expect(asked).toBeLessThan(50);
    expect(await files()).toEqual([]);
  });

  it('is free again for what takes the place of what goes', async () => {
    await limitTo(1_000);
    const job = await aJob(db, tenantId);
    const { datasets } = await programs.inputs.add(mine(), job.job_id, [received(600)], null);
    await expect(programs.inputs.add(mine(), job.job_id, [received(600)], null)).rejects.toMatchObject(
      REFUSED,
    );
    await programs.inputs.remove(mine(), job.job_id, datasets[0]!.dataset_key, null);
    await programs.inputs.add(mine(), job.job_id, [received(600)], null);
    await keep(job, artifact(400));
    await keep(job, artifact(300));
    expect(await stored()).toBe(900);
    await expect(keep(job, artifact(100, 'b.csv'), artifact(1, 'c.csv'))).rejects.toMatchObject(REFUSED);
    await keep(job, artifact(100, 'b.csv'));
    expect(await stored()).toBe(1_000);
  });

  it('holds for the plan that a confirm freezes, of which then nothing is left', async () => {
    const request = { traceId: newTraceId(), plan: NOOP_PLAN };
    const { job: drafted } = await programs.lifecycle.create(mine(), request, null);
    await limitTo(10);
    const before = await files();
    await expect(programs.lifecycle.confirm(mine(), drafted.job_id, { version: null })).rejects.toMatchObject(
      REFUSED,
    );
    await expect(
      programs.lifecycle.create(mine(), { ...request, jobId: 'refused', confirm: true }, null),
    ).rejects.toMatchObject(REFUSED);
    expect(await programs.lifecycle.get(mine(), drafted.job_id)).toEqual(drafted);
    expect(await db.sql('SELECT FROM job WHERE tenant_id = $1', [tenantId])).toHaveLength(1);
    expect(await files()).toEqual(before);
    expect(await artifactRows()).toBe(0);
  });

  it('is another tenant’s affair alone', async () => {
    await limitTo(0);
    tenantId = await aTenant(db);
    const job = await aJob(db, tenantId, { status: 'running' });
    expect(await through(Array.from({ length: 5 }, (_, n) => keep(job, artifact(1_000, String(n)))))).toBe(5);
  });
});

describe('a step whose artifacts do not fit', () => {
  async function claimed(): Promise<{ job: Job; run: ClaimedRun }> {
    const request = { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true };
    const { job } = await programs.lifecycle.create(mine(), request, null);
    const runs = await programs.runs.claim(programs.workerIdentity, 1_000);
    const run = runs.find(({ jobId }) => jobId === job.job_id)!;
    await programs.runs.beginStep(run, { stepId: 's1', position: 1, type: 'noop' });
    return { job, run };
  }

  it('is still open, with none of them kept, and can be ended without', async () => {
    const { run } = await claimed();
    await limitTo((await stored()) + 150);
    const artifacts = [artifact(100), artifact(100, 'b.csv')];
    await expect(programs.runs.endStep(run, 's1', { outcome: 'succeeded', artifacts })).rejects.toMatchObject(
      REFUSED,
    );
    const open = await db.sql('SELECT outcome FROM run_step WHERE tenant_id = $1', [tenantId]);
    expect([open, await artifactRows()]).toEqual([[{ outcome: null }], 1]);
    const error = { code: 'QUOTA_STORAGE_EXCEEDED', message: 'too much' };
    await programs.runs.endStep(run, 's1', { outcome: 'failed', error, artifacts: [] });
    expect(await db.sql('SELECT outcome, error FROM run_step WHERE tenant_id = $1', [tenantId])).toEqual([
      { outcome: 'failed', error },
    ]);
  });

  it('is not one that has ended, told once more after an answer that was lost', async () => {
    const { run } = await claimed();
    const result = { outcome: 'succeeded', artifacts: [artifact(100)] } as const;
    await programs.runs.endStep(run, 's1', result);
    await limitTo(0);
    await programs.runs.endStep(run, 's1', result);
    expect(await artifactRows()).toBe(2);
  });
});
