import { newTraceId } from '#observability';
import {
  aJob,
  aTenant,
  auditOf,
  JobPrograms,
  messagesOf,
  NOOP_PLAN,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { type Ask, findViolations } from '../invariants/invariant.js';
import { INVARIANTS } from '../invariants/invariants.js';
import type { Job } from '../job.js';
import type { NewJobRequest } from '../job-lifecycle.js';
import type { BatchItem, BatchMode, BatchResult } from './batch-item.js';

const GRACE = { quietSeconds: 0, sweepSeconds: 0 };
const BROKEN = { plan_version: 2, steps: [{ step_id: 's1', type: 'shell', params: {} }] };

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

const item = (given: Partial<NewJobRequest> = {}): NewJobRequest => ({ traceId: newTraceId(), ...given });
const ready = (given: Partial<NewJobRequest> = {}): NewJobRequest =>
  item({ plan: NOOP_PLAN, confirm: true, ...given });
const create = async (mode: BatchMode, items: BatchItem[]): Promise<BatchResult[]> =>
  (await programs.batches.create(programs.client(tenantId), mode, items, null)).results;
const jobIdOf = (result: BatchResult | undefined): string =>
  result && 'job' in result ? result.job.job_id : '';
const codeOf = (result: BatchResult | undefined): string =>
  result && 'refusal' in result ? result.refusal.code : 'made';
const read = (jobId: string): Promise<Job> => programs.lifecycle.get(programs.client(tenantId), jobId);
const countJobs = async (): Promise<number> =>
  (await db.sql('SELECT FROM job WHERE tenant_id = $1', [tenantId])).length;

/** The plan files of the tenant in the store. */
async function files(): Promise<number> {
  const folder = new URL(`file://${programs.store.pathOf({ tenantId, jobId: 'x', storageName: 'x' })}`);
  const entries = await readdir(new URL('../../', folder), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  return entries.filter((entry) => entry.isFile()).length;
}

describe('a batch', () => {
  it('makes of each item what a single submit makes of it, rows, audit, message and file', async () => {
    const labels = { team: 'polar' };
    const given: Partial<NewJobRequest>[] = [
      { requirement: 'How heavy?', labels, priority: 7, expiresAt: '2999-01-01T00:00:00.000000Z' },
      { plan: { ...NOOP_PLAN, timeout_seconds: 60 } },
      { plan: NOOP_PLAN, confirm: true, hold: true },
      { plan: NOOP_PLAN, confirm: true, priority: 3 },
      { plan: NOOP_PLAN, confirm: true, runAfter: '2999-01-01T00:00:00.000000Z' },
    ];
    const results = await create('all', given.map(item));
    for (const [n, result] of results.entries()) {
      const single = (await programs.lifecycle.create(programs.client(tenantId), item(given[n]), null)).job;
      const batched = await read(jobIdOf(result));
      expect(result).toEqual({
        job: { job_id: batched.job_id, version: batched.version, status: batched.status },
      });
      expect(told(batched)).toEqual(told(single));
      const ref = { tenant_id: tenantId, job_id: batched.job_id };
      const [own, others] = [await auditOf(db, ref), await auditOf(db, single)];
      expect(own.map(({ action, version, actor_id }) => [action, version, actor_id])).toEqual(
        others.map(({ action, version, actor_id }) => [action, version, actor_id]),
      );
      expect(await messagesOf(db, ref)).toEqual(await messagesOf(db, single));
      for (const table of ['draft', 'plan', 'artifact', 'job_term']) {
        expect([table, await rowsOf(table, batched.job_id)]).toEqual([
          table,
          await rowsOf(table, single.job_id),
        ]);
      }
    }
    expect(await files()).toBe(6);
    const claimed = await programs.runs.claim(programs.workerIdentity, 10);
    expect(claimed.map((run) => run.jobId)).toContain(jobIdOf(results[3]));
  });

  /** All but what differs by nature. */
  function told(job: Job): Partial<Job> {
    const { job_id, trace_id, created_at, updated_at, confirmed_at, queued_at, ...same } = job;
    return { ...same, confirmed_at: confirmed_at && '', queued_at: queued_at && '' };
  }

  async function rowsOf(table: string, jobId: string): Promise<unknown[]> {
    const rows = await db.sql<{ row: object }>(
      `SELECT to_jsonb(t) - '{job_id,created_at,updated_at,frozen_at,storage_name}'::text[] AS row FROM ${table} AS t
       WHERE tenant_id = $1 AND job_id = $2 ORDER BY 1`,
      [tenantId, jobId],
    );
    return rows.map(({ row }) => row);
  }

  it('of 1,000 gives each its own job, one audit row a move, and breaks no invariant', async () => {
    const results = await create(
      'all',
      Array.from({ length: 1_000 }, () => ready()),
    );
    expect(new Set(results.map(jobIdOf)).size).toBe(1_000);
    const [counted] = await db.sql<{ rows: number; jobs: number }>(
      `SELECT count(*) AS rows, count(DISTINCT resource_id) AS jobs FROM audit_event
       WHERE tenant_id = $1 AND resource_type = 'job'`,
      [tenantId],
    );
    expect(counted).toEqual({ rows: 4_000, jobs: 1_000 });
    const turns = await db.sql<{ turn: string }>(
      `SELECT DISTINCT data ->> 'turn' AS turn FROM pgboss.job WHERE data ->> 'tenant_id' = $1`,
      [tenantId],
    );
    expect(turns).toHaveLength(1_000);
    for (const invariant of INVARIANTS) {
      const ask: Ask = (text, values) => db.sql(text, [...values]);
      const { total, rows } = await findViolations(ask, invariant, GRACE);
      expect([invariant.id, total, rows]).toEqual([invariant.id, 0, []]);
    }
  });

  it('for each makes those that can be made, and says of the others why not', async () => {
    await aJob(db, tenantId, { job_id: 'taken' });
    const results = await create('each', [
      item({ jobId: 'one' }),
      item({ jobId: 'taken' }),
      item({ jobId: 'one' }),
      item({ jobId: '../two' }),
      ready({ plan: BROKEN }),
      ready({ jobId: 'three' }),
    ]);
    expect(results.map(codeOf)).toEqual([
      'made',
      'JOB_ALREADY_EXISTS',
      'JOB_ALREADY_EXISTS',
      'JOB_ID_UNSAFE',
      'PLAN_INVALID',
      'made',
    ]);
    expect(results[4]).toMatchObject({ refusal: { errors: [{ pointer: '/plan/steps/0/type' }] } });
    expect([(await read('one')).status, (await read('three')).status]).toEqual(['created', 'queued']);
    expect(await countJobs()).toBe(3);
    expect(await files()).toBe(1);
  });

  it('for all makes none when one is refused, and names every one that is', async () => {
    await expect(
      create('all', [ready(), ready({ plan: BROKEN }), item({ jobId: '..' })]),
    ).rejects.toMatchObject({
      code: 'BATCH_REFUSED',
      facts: { refused: 2 },
      errors: [{ pointer: '/items/1/plan/steps/0/type' }, { pointer: '/items/2' }],
    });
    await aJob(db, tenantId, { job_id: 'taken' });
    await expect(create('all', [ready(), item({ jobId: 'taken' })])).rejects.toMatchObject({
      code: 'BATCH_REFUSED',
      errors: [{ pointer: '/items/1', detail: expect.stringMatching(/^JOB_ALREADY_EXISTS/) }],
    });
    expect([await countJobs(), await files()]).toEqual([1, 0]);
  });

  it('takes nobody past the limit of queued jobs, and fills it to the last place', async () => {
    await db.put('tenant_quota', { tenant_id: tenantId, queued_jobs: 3 });
    await create('all', [ready()]);
    const three = [ready(), item(), ready(), ready(), ready({ hold: true })];
    await expect(create('all', three)).rejects.toMatchObject({
      code: 'QUOTA_QUEUED_JOBS_EXCEEDED',
      facts: { limit: 3, current: 1 },
    });
    const results = await create('each', three);
    expect(results.map(codeOf)).toEqual(['made', 'made', 'made', 'QUOTA_QUEUED_JOBS_EXCEEDED', 'made']);
    expect(await files()).toBe(4);
  });

  it('of many at once and single submits beside stays within the limit together', async () => {
    await db.put('tenant_quota', { tenant_id: tenantId, queued_jobs: 250 });
    const batches = Array.from({ length: 4 }, () =>
      create(
        'each',
        Array.from({ length: 60 }, () => ready()),
      ),
    );
    const singles = Array.from({ length: 40 }, () =>
      programs.lifecycle.create(programs.client(tenantId), ready(), null),
    );
    await Promise.allSettled([...batches, ...singles]);
    const queued = await db.sql(`SELECT FROM job WHERE tenant_id = $1 AND status = 'queued'`, [tenantId]);
    expect(queued).toHaveLength(250);
  });

  it('is stored nowhere when its files are past the limit', async () => {
    await db.put('tenant_quota', { tenant_id: tenantId, storage_bytes: 10 });
    await expect(create('each', [ready(), ready()])).rejects.toMatchObject({
      code: 'QUOTA_STORAGE_EXCEEDED',
    });
    expect([await countJobs(), await files()]).toEqual([0, 0]);
  });

  it('repeated with its key makes nothing more and is answered the same, with no text of a job kept', async () => {
    const repeat = { route: 'POST /v1/jobs/batch', key: 'k', bodySha256: 'b', ttlHours: 1 };
    const told = ready({ requirement: 'How heavy is Zebrafink?', labels: { who: 'Zebrafink' } });
    const once = () =>
      programs.batches.create(programs.client(tenantId), 'each', [told, ready({ plan: BROKEN })], repeat);
    const answers = await Promise.all([once(), once(), once()]);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    for (const { results } of answers) expect(results).toEqual(answers[0].results);
    expect([await countJobs(), await files()]).toEqual([1, 1]);
    // An erasure of the job finds no answer of a batch: there has to be nothing to find.
    const kept = await db.sql<{ text: string }>(
      'SELECT response_body::text AS text FROM idempotency_key WHERE tenant_id = $1',
      [tenantId],
    );
    expect(kept.map(({ text }) => text.includes('Zebrafink'))).toEqual([false]);
  });
});
