import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  aTenant,
  auditOf,
  JobPrograms,
  messagesOf,
  NOOP_PLAN,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { newTraceId } from '#observability';
import type { NewJobRequest } from './job-lifecycle.js';
import type { Job } from './job.js';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db);
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const mine = () => programs.client(tenantId);
const request = (given: Partial<NewJobRequest> = {}): NewJobRequest => ({ traceId: newTraceId(), ...given });
const actions = async (job: Job): Promise<string[]> => (await auditOf(db, job)).map((row) => row.action);

describe('create', () => {
  it('makes a job that is created, with its audit row and no message', async () => {
    const { job } = await programs.lifecycle.create(
      programs.client(tenantId, { reason: 'a test', requestId: 'req-1' }),
      request({ requirement: 'why?', priority: 3, labels: { team: 'a' } }),
      null,
    );
    expect(job).toMatchObject({
      status: 'created',
      version: 1,
      requirement: 'why?',
      priority: 3,
      labels: { team: 'a' },
    });
    expect(await auditOf(db, job)).toEqual([
      expect.objectContaining({
        action: 'job.created',
        actor_kind: 'api_key',
        actor_id: 'key_of_the_test',
        reason: 'a test',
        request_id: 'req-1',
        trace_id: job.trace_id,
        source: 'api',
        database_user: 'ss_api_login',
        from_status: null,
        to_status: 'created',
        version: 1,
      }),
    ]);
    expect(await messagesOf(db, job)).toEqual([]);
  });

  it('with a plan makes a job that is draft_ready at once', async () => {
    const { job } = await programs.lifecycle.create(mine(), request({ plan: NOOP_PLAN }), null);
    expect(job).toMatchObject({ status: 'draft_ready', version: 2, draft_revision: 1 });
    expect((await programs.lifecycle.getDraft(mine(), job.job_id)).draft).toMatchObject({
      source: 'client',
      revision: 1,
    });
    expect(await actions(job)).toEqual(['job.created', 'job.drafted']);
  });

  it('with a plan and confirm makes a job that is queued at once, with its plan, plan.json and message', async () => {
    const { job } = await programs.lifecycle.create(
      mine(),
      request({ plan: NOOP_PLAN, confirm: true }),
      null,
    );
    expect(job).toMatchObject({ status: 'queued', version: 4 });
    expect(await programs.reads.plan(mine(), job.job_id)).toMatchObject({
      plan_id: job.plan_id,
      document: NOOP_PLAN,
    });
    expect(await programs.reads.listArtifacts(mine(), job.job_id)).toEqual([
      expect.objectContaining({ rel_path: 'plan.json', kind: 'plan.json', run_id: null }),
    ]);
    expect(await messagesOf(db, job)).toEqual(['job.run']);
    expect(await actions(job)).toEqual(['job.created', 'job.drafted', 'job.confirmed', 'job.enqueued']);
  });

  it('on hold stops at confirmed and sends nothing', async () => {
    const { job } = await programs.lifecycle.create(
      mine(),
      request({ plan: NOOP_PLAN, confirm: true, hold: true }),
      null,
    );
    expect(job.status).toBe('confirmed');
    expect(await messagesOf(db, job)).toEqual([]);
  });

  it('with run_after keeps the message back until then', async () => {
    const runAfter = '2100-01-02T03:04:05.000000Z';
    const { job } = await programs.lifecycle.create(
      mine(),
      request({ plan: NOOP_PLAN, confirm: true, runAfter }),
      null,
    );
    expect(job.scheduled_at).toBe(runAfter);
    const [message] = await db.sql(`SELECT start_after FROM pgboss.job WHERE data ->> 'job_id' = $1`, [
      job.job_id,
    ]);
    expect(message).toEqual({ start_after: '2100-01-02 03:04:05+00' });
  });

  it('refuses a plan that cannot be carried out, and leaves no job behind', async () => {
    const plan = { plan_version: 2, steps: [{ step_id: 'a', type: 'noop', params: {}, depends_on: ['a'] }] };
    const jobId = 'job-with-a-bad-plan';
    await expect(programs.lifecycle.create(mine(), request({ jobId, plan }), null)).rejects.toMatchObject({
      code: 'PLAN_INVALID',
    });
    await expect(programs.lifecycle.get(mine(), jobId)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('refuses an id that the tenant has already, and takes it for another tenant', async () => {
    const other = programs.client(await aTenant(db));
    await programs.lifecycle.create(mine(), request({ jobId: 'the-same' }), null);
    await expect(
      programs.lifecycle.create(mine(), request({ jobId: 'the-same' }), null),
    ).rejects.toMatchObject({
      code: 'JOB_ALREADY_EXISTS',
    });
    expect((await programs.lifecycle.create(other, request({ jobId: 'the-same' }), null)).job.tenant_id).toBe(
      other.tenantId,
    );
  });

  it.each(['', '..', 'a/b', 'a..b', '.hidden', 'a b', 'a\0', 'é', 'x'.repeat(129)])(
    'refuses the id %j',
    async (jobId) => {
      await expect(programs.lifecycle.create(mine(), request({ jobId }), null)).rejects.toMatchObject({
        code: 'JOB_ID_UNSAFE',
      });
    },
  );

  it('rolls back whole when something fails late in the transaction', async () => {
    // What is there already collides with the last of the rows that create writes.
    const jobId = 'late-failure';
    await db.put('plan', {
      tenant_id: tenantId,
      job_id: jobId,
      plan_id: 'a'.repeat(64),
      plan_version: 2,
      document: {},
      draft_revision: 1,
    });
    await expect(
      programs.lifecycle.create(mine(), request({ jobId, plan: NOOP_PLAN, confirm: true }), null),
    ).rejects.toMatchObject({ code: '23505' });
    const left = await db.sql(
      `SELECT 'job' AS what FROM job WHERE job_id = $1 UNION ALL SELECT 'draft' FROM draft WHERE job_id = $1
       UNION ALL SELECT 'audit' FROM audit_event WHERE resource_id = $1
       UNION ALL SELECT 'message' FROM pgboss.job WHERE data ->> 'job_id' = $1`,
      [jobId],
    );
    expect(left).toEqual([]);
  });
});
