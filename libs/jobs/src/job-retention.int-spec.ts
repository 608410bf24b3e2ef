import type { JobPlace } from '#artifacts';
import {
  aDataset,
  aJob,
  anArtifact,
  aTenant,
  auditOf,
  eventually,
  JobPrograms,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Job } from './job.js';
import { JOB_STATUSES, hasEnded, type JobStatus } from './job-moves.js';
import { JobRetention, type RetentionLimits } from './job-retention.js';

const DAYS = 90;
const QUICK: RetentionLimits = { jobs: 3, keys: 3, pauseMs: 0, spareMs: 0 };

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});
beforeEach(async () => {
  tenantId = await aTenant(db);
});

const retention = (days: number | null = DAYS, given: Partial<RetentionLimits> = {}): JobRetention =>
  new JobRetention(programs.worker, programs.store, programs.workerScope, days, { ...QUICK, ...given });
const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();

/** A job in a state that it reached so many days ago. */
async function aJobOf(days: number, status: JobStatus = 'succeeded', given: Partial<Job> = {}): Promise<Job> {
  const at = daysAgo(days);
  const times = { created_at: at, confirmed_at: at, queued_at: at, started_at: at, updated_at: at };
  return aJob(db, tenantId, { status, ...times, finished_at: hasEnded(status) ? at : null, ...given });
}

async function jobsLeft(tenant = tenantId): Promise<string[]> {
  const rows = await db.sql<{ job_id: string }>('SELECT job_id FROM job WHERE tenant_id = $1 ORDER BY 1', [
    tenant,
  ]);
  return rows.map(({ job_id }) => job_id);
}

async function aFile(place: JobPlace, storageName: string): Promise<void> {
  await programs.store.write({ ...place, storageName }, Readable.from([Buffer.from('bytes')]), {
    maxBytes: 9,
  });
}

describe('retention', () => {
  it('deletes what ended long enough ago, and no job that has not ended, however old it is', async () => {
    const open = JOB_STATUSES.filter((status) => !hasEnded(status));
    const kept = [await aJobOf(DAYS - 1), await aJobOf(1, 'failed')];
    for (const status of open) kept.push(await aJobOf(1_000, status));
    for (const status of JOB_STATUSES.filter(hasEnded)) await aJobOf(DAYS + 1, status);
    expect(await retention().run()).toMatchObject({ jobs: 3 });
    expect(await jobsLeft()).toEqual(kept.map(({ job_id }) => job_id).sort());
  });

  it('keeps to the time of a tenant that has one of its own, longer or shorter', async () => {
    const other = tenantId;
    await db.put('tenant_quota', { tenant_id: other, retention_days: 10 });
    await aJobOf(11);
    tenantId = await aTenant(db);
    await db.put('tenant_quota', { tenant_id: tenantId, retention_days: 1_000 });
    await aJobOf(900);
    expect(await retention().run()).toMatchObject({ jobs: 1 });
    expect([await jobsLeft(other), (await jobsLeft()).length]).toEqual([[], 1]);
  });

  it('without a time deletes only what a tenant wants to be deleted', async () => {
    await aJobOf(5_000);
    expect(await retention(null).run()).toMatchObject({ jobs: 0 });
    await db.put('tenant_quota', { tenant_id: tenantId, retention_days: 10 });
    expect(await retention(null).run()).toMatchObject({ jobs: 1 });
  });

  it('counts from when the job was lifted, or there before there was retention, if that is later than its end', async () => {
    const job = await aJobOf(5_000);
    const keep = async (days: number): Promise<void> => {
      await db.sql('SET session_replication_role = replica');
      await db.sql('UPDATE job SET kept_from = $2 WHERE job_id = $1', [job.job_id, daysAgo(days)]);
      await db.sql('RESET session_replication_role');
    };
    await keep(89);
    expect(await retention().run()).toMatchObject({ jobs: 0 });
    await keep(91);
    expect(await retention().run()).toMatchObject({ jobs: 1 });
  });

  it('takes everything that belongs to the job with it, files too, and nothing of its neighbour', async () => {
    const gone = await aJobOf(100, 'failed', { job_id: 'gone' });
    const kept = await aJobOf(1, 'failed', { job_id: 'kept' });
    for (const job of [gone, kept]) {
      const place = { tenantId, jobId: job.job_id };
      await aDataset(db, job);
      const { storage_name } = await anArtifact(db, job);
      const step = { tenant_id: tenantId, job_id: job.job_id, run_id: job.run_id, step_id: 's1' };
      await db.put('run_step', { ...step, position: 1, type: 'noop' });
      await aFile(place, storage_name);
      await aFile(place, 'plans/one.json');
      await db.put('llm_call', {
        ...{
          tenant_id: tenantId,
          call_id: randomUUID(),
          subject_id: job.job_id,
          task_id: 't',
          operation: 'draft',
        },
        ...{ attempt: 1, provider: 'p', model: 'm', request_sha256: 'a'.repeat(64), charged_tokens: 1 },
        ...{ deadline_at: daysAgo(1), charged_cost_micros: 1 },
      });
      await db.put('idempotency_key', {
        ...{ tenant_id: tenantId, route: 'r', key: job.job_id, body_sha256: 'x', response_status: 201 },
        ...{ response_body: { job_id: job.job_id, tenant_id: tenantId }, expires_at: daysAgo(-1) },
      });
    }
    expect(await retention().run()).toEqual({
      ...{ jobs: 1, llm_calls: 1, idempotency_keys: 1, files: 2, bytes: 10 },
    });
    // Put there unseen, they were never counted: what is given back is what they took.
    const stored = await db.sql('SELECT sum(bytes)::int AS bytes FROM tenant_storage WHERE tenant_id = $1', [
      tenantId,
    ]);
    expect(stored).toEqual([{ bytes: -45 }]);
    for (const table of ['job', 'draft', 'plan', 'run', 'run_step', 'input_dataset', 'artifact']) {
      const rows = await db.sql(`SELECT job_id FROM ${table} WHERE tenant_id = $1`, [tenantId]);
      expect({ table, rows }).toEqual({ table, rows: [{ job_id: 'kept' }] });
    }
    expect(await db.sql('SELECT subject_id FROM llm_call WHERE tenant_id = $1', [tenantId])).toHaveLength(1);
    expect(await db.sql('SELECT key FROM idempotency_key WHERE tenant_id = $1', [tenantId])).toEqual([
      { key: 'kept' },
    ]);
    const ref = { tenantId, storageName: 'plans/one.json' };
    expect(await programs.store.stat({ ...ref, jobId: 'gone' })).toBeNull();
    expect(await programs.store.stat({ ...ref, jobId: 'kept' })).toEqual({ bytes: 5 });
  });

  it('leaves one audit row for each job, with who and why', async () => {
    const job = await aJobOf(100, 'cancelled');
    await retention().run();
    expect(await auditOf(db, job)).toMatchObject([
      {
        ...{ action: 'job.deleted', from_status: 'cancelled', to_status: null, version: job.version + 1 },
        ...{ actor_kind: 'worker', source: 'worker', reason: 'the time for which it is kept was over' },
        metadata: { finished_at: expect.any(String) },
      },
    ]);
  });

  it('goes in small transactions until nothing is due, or until it is stopped', async () => {
    for (let n = 0; n < 7; n++) await aJobOf(100 + n);
    const stopping = new AbortController();
    const stopped = retention(DAYS, { pauseMs: 60_000 }).run(stopping.signal);
    // The pause after the first batch would take a minute.
    await eventually(async () => (await jobsLeft()).length === 4);
    stopping.abort();
    expect(await stopped).toMatchObject({ jobs: 3 });
    expect(await retention().run()).toMatchObject({ jobs: 4 });
    const rows = await db.sql<{ jobs: number }>(
      `SELECT count(*)::int AS jobs FROM audit_event WHERE tenant_id = $1 AND action = 'job.deleted'
       GROUP BY xmin::text ORDER BY 1`,
      [tenantId],
    );
    expect(rows.map(({ jobs }) => jobs)).toEqual([1, 3, 3]);
  });

  it('takes the job that ended first before the others, and leaves one that somebody holds', async () => {
    for (const [id, days] of [
      ['a', 100],
      ['b', 300],
      ['c', 200],
      ['d', 400],
    ] as const)
      await aJobOf(days, 'succeeded', { job_id: id });
    const session = await db.session('ss_worker', tenantId);
    await session.query(`SELECT FROM job WHERE job_id = 'd' FOR UPDATE`);
    const stopping = new AbortController();
    stopping.abort();
    expect(await retention(DAYS, { jobs: 2 }).run(stopping.signal)).toMatchObject({ jobs: 0 });
    expect(await retention(DAYS, { jobs: 3 }).run()).toMatchObject({ jobs: 3 });
    expect(await jobsLeft()).toEqual(['d']);
    await session.end();
    expect(await retention().run()).toMatchObject({ jobs: 1 });
  });

  it('is done by one at a time, and every job is deleted once', async () => {
    const jobs: Job[] = [];
    for (let n = 0; n < 9; n++) jobs.push(await aJobOf(100));
    const removals = await Promise.all([retention().run(), retention().run(), retention().run()]);
    await retention().run();
    expect(removals.reduce((sum, removal) => sum + removal.jobs, 0)).toBeLessThanOrEqual(9);
    expect(await jobsLeft()).toEqual([]);
    for (const job of jobs) expect(await auditOf(db, job)).toHaveLength(1);
  });

  it('tells beforehand what it would take, and changes nothing by it', async () => {
    await retention().run();
    await aJobOf(100);
    const oldest = await aJobOf(400);
    await db.sql(
      `INSERT INTO idempotency_key (tenant_id, route, key, body_sha256, response_status, response_body, expires_at)
       SELECT $1, 'r', 'k' || n, 'x', 201, '{}', clock_timestamp() - n * interval '1 hour' FROM generate_series(-2, 4) AS n`,
      [tenantId],
    );
    await aFile({ tenantId, jobId: 'nobody' }, 'x');
    const due = await retention().due();
    expect(due).toMatchObject({
      tenants: [{ tenant_id: tenantId, retention_days: DAYS, jobs: 2 }],
      ...{ idempotency_keys: 5, ownerless_jobs: 1 },
    });
    expect(Date.parse(due.tenants[0]!.oldest)).toBe(Date.parse(oldest.finished_at!));
    expect(await jobsLeft()).toHaveLength(2);
    expect(await retention().run()).toMatchObject({ jobs: 2, idempotency_keys: 5, files: 1 });
    expect(await retention().due()).toMatchObject({ tenants: [], idempotency_keys: 0, ownerless_jobs: 0 });
    expect(await db.sql('SELECT FROM idempotency_key WHERE tenant_id = $1', [tenantId])).toHaveLength(2);
  });
});

describe('files that nothing owns', () => {
  it('are removed, of an erased job as well, and those of living jobs are not', async () => {
    const job = await aJobOf(1);
    const erased = await aJobOf(1);
    const scope = programs.client(tenantId);
    await programs.erasure.erase({ ...scope, reason: 'asked to' }, erased.job_id, null);
    const places = [job.job_id, erased.job_id, 'never-committed', 'J'.repeat(250)].map((jobId) => ({
      tenantId,
      jobId,
    }));
    for (const place of places) await aFile(place, 'runs/r/x.csv');
    expect(await retention().run()).toMatchObject({ jobs: 0, files: 4 });
    const left = await Promise.all(
      places.map((place) => programs.store.stat({ ...place, storageName: 'runs/r/x.csv' })),
    );
    expect(left).toEqual([{ bytes: 5 }, null, null, null]);
  });

  it('are left alone while they are young: the row of their job may be about to come', async () => {
    const place = { tenantId, jobId: 'about-to-come' };
    await aFile(place, 'plans/p.json');
    expect(await retention(DAYS, { spareMs: 60_000 }).run()).toMatchObject({ files: 0 });
    expect(await programs.store.stat({ ...place, storageName: 'plans/p.json' })).toEqual({ bytes: 5 });
  });
});

describe('a job that is deleted by hand', () => {
  it.each(JOB_STATUSES.filter((status) => !hasEnded(status)))(
    'is refused while it is %s, to the owner of the tables as well',
    async (status) => {
      const job = await aJobOf(100, status);
      await expect(db.sql('DELETE FROM job WHERE job_id = $1', [job.job_id])).rejects.toMatchObject({
        ...{ code: 'SS001', constraint: 'job_is_deleted_after_its_end', hint: 'Cancel it first.' },
      });
      expect(await auditOf(db, job)).toEqual([]);
    },
  );

  it('is on the audit with the login', async () => {
    const job = await aJobOf(1);
    await aDataset(db, job);
    await anArtifact(db, job);
    await db.sql('DELETE FROM job WHERE job_id = $1', [job.job_id]);
    expect(await auditOf(db, job)).toMatchObject([
      { action: 'job.deleted', actor_kind: 'database_user', source: 'sql' },
    ]);
  });

  it.each(['ss_api', 'ss_worker', 'ss_operator'] as const)('is refused to %s', async (role) => {
    const session = await db.session(role, tenantId);
    expect(await session.refusal('DELETE FROM job')).toMatchObject({ code: '42501' });
    await session.end();
  });
});
