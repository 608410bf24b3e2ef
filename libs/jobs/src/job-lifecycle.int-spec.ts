import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  aDataset,
  aDraft,
  aJob,
  aRun,
  aTenant,
  auditOf,
  JobPrograms,
  messagesOf,
  rejectionsOf,
  type TestDatabase,
  testDatabase,
} from '#testing';
import type { Job } from './job.js';
import { JOB_STATUSES, type JobStatus, moves } from './job-moves.js';

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
const rowOf = async (job: Pick<Job, 'job_id'>): Promise<Job> =>
  await programs.lifecycle.get(mine(), job.job_id);
const actions = async (job: Job): Promise<string[]> => (await auditOf(db, job)).map((row) => row.action);

/** What a client can do to move a job, each with the version that it has seen. */
const verbs = {
  confirm: (scope, jobId, version) => programs.lifecycle.confirm(scope, jobId, { version }),
  enqueue: (scope, jobId, version) => programs.lifecycle.enqueue(scope, jobId, version),
  retry: (scope, jobId, version) => programs.lifecycle.retry(scope, jobId, version),
  cancel: (scope, jobId, version) => programs.lifecycle.cancel(scope, jobId, version),
} satisfies Record<
  string,
  (scope: ReturnType<typeof mine>, jobId: string, version: number | null) => Promise<Job>
>;
type Verb = keyof typeof verbs;
const VERBS = Object.keys(verbs) as Verb[];
const opening = (verb: Verb): readonly JobStatus[] => moves[verb].from;

describe('the moves of clients', () => {
  it('confirm freezes the plan and queues the job, all in one', async () => {
    const job = await aJob(db, tenantId, { status: 'draft_ready' });
    const after = await programs.lifecycle.confirm(mine(), job.job_id, { version: job.version, notes: 'go' });
    expect(after).toMatchObject({ status: 'queued', version: job.version + 2 });
    expect([after.confirmed_at, after.queued_at]).not.toContain(null);
    expect(await programs.reads.plan(mine(), job.job_id)).toMatchObject({
      plan_id: after.plan_id,
      notes: 'go',
      draft_revision: 1,
    });
    expect(
      (await programs.reads.listArtifacts(mine(), job.job_id)).map((artifact) => artifact.rel_path),
    ).toEqual(['plan.json']);
    expect(await actions(job)).toEqual(['job.confirmed', 'job.enqueued']);
    expect((await auditOf(db, job))[0]!.metadata).toMatchObject({ plan_id: after.plan_id });
    expect(await messagesOf(db, job)).toEqual(['job.run']);
  });

  it('confirm with hold leaves it confirmed, and enqueue queues it', async () => {
    const job = await aJob(db, tenantId, { status: 'draft_ready', priority: 4 });
    const held = await programs.lifecycle.confirm(mine(), job.job_id, { version: null, hold: true });
    expect(held.status).toBe('confirmed');
    expect(await messagesOf(db, job)).toEqual([]);
    const queued = await programs.lifecycle.enqueue(mine(), job.job_id, held.version);
    expect(queued).toMatchObject({ status: 'queued', version: held.version + 1 });
    expect(
      await db.sql(`SELECT priority FROM pgboss.job WHERE data ->> 'job_id' = $1`, [job.job_id]),
    ).toEqual([{ priority: 4 }]);
  });

  it('retry queues a failed job afresh', async () => {
    const job = await aJob(db, tenantId, {
      status: 'failed',
      attempts: 3,
      error: { code: 'X', message: 'x' },
    });
    const after = await programs.lifecycle.retry(
      programs.client(tenantId, { reason: 'mended' }),
      job.job_id,
      job.version,
    );
    expect(after).toMatchObject({
      status: 'queued',
      attempts: 0,
      error: null,
      finished_at: null,
      lease_no: job.lease_no,
    });
    expect(await messagesOf(db, job)).toEqual(['job.run']);
    expect(await auditOf(db, job)).toEqual([
      expect.objectContaining({ action: 'job.retried', reason: 'mended' }),
    ]);
  });

  it.each(moves.cancel.from)('cancel ends a job that is %s', async (status) => {
    const job = await aJob(db, tenantId, { status });
    const after = await programs.lifecycle.cancel(mine(), job.job_id, job.version);
    expect(after).toMatchObject({ status: 'cancelled', version: job.version + 1 });
    expect(after.finished_at).not.toBeNull();
    expect(await actions(job)).toEqual(['job.cancelled']);
  });

  it('cancel of a running job ends its run and the step under way', async () => {
    const job = await aJob(db, tenantId, { status: 'running' });
    await db.put('run_step', {
      tenant_id: tenantId,
      job_id: job.job_id,
      run_id: job.run_id,
      step_id: 's1',
      position: 1,
      type: 'noop',
    });
    await programs.lifecycle.cancel(mine(), job.job_id, job.version);
    const [run] = await programs.reads.listRuns(mine(), job.job_id);
    expect(run).toMatchObject({ status: 'cancelled', steps: [{ step_id: 's1', status: 'cancelled' }] });
    expect(run!.ended_at).not.toBeNull();
  });

  it.each(VERBS)('%s is refused from every other status, and changes nothing', async (verb) => {
    for (const status of JOB_STATUSES.filter((each) => !opening(verb).includes(each))) {
      const job = await aJob(db, tenantId, { status });
      await expect(verbs[verb](mine(), job.job_id, job.version)).rejects.toMatchObject({
        code: 'JOB_ILLEGAL_TRANSITION',
        facts: { move: verb, status, current_version: job.version },
      });
      expect(await rowOf(job)).toMatchObject({ status, version: job.version });
      expect([await actions(job), await messagesOf(db, job)]).toEqual([[], []]);
    }
  });

  it.each(VERBS)('%s of another tenant’s job is not found', async (verb) => {
    const job = await aJob(db, await aTenant(db), { status: opening(verb)[0]! });
    await expect(verbs[verb](mine(), job.job_id, null)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    expect(await actions(job)).toEqual([]);
  });

  it.each(VERBS)('%s with an old version is a conflict that names the current one', async (verb) => {
    const job = await aJob(db, tenantId, { status: opening(verb)[0]! });
    await expect(verbs[verb](mine(), job.job_id, job.version - 1)).rejects.toMatchObject({
      code: 'JOB_VERSION_CONFLICT',
      facts: { expected_version: job.version - 1, current_version: job.version },
    });
    expect(await actions(job)).toEqual([]);
  });

  it.each([true, false])('32 racing confirms have exactly one winner (version named: %s)', async (named) => {
    const job = await aJob(db, tenantId, { status: 'draft_ready' });
    const version = named ? job.version : null;
    const races = Array.from({ length: 32 }, () =>
      programs.lifecycle.confirm(mine(), job.job_id, { version }),
    );
    const outcomes = await Promise.allSettled(races);
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    for (const reason of rejectionsOf(outcomes)) {
      expect(reason).toMatchObject({
        code: expect.stringMatching(/^JOB_(VERSION_CONFLICT|ILLEGAL_TRANSITION)$/),
      });
    }
    expect(await actions(job)).toEqual(['job.confirmed', 'job.enqueued']);
    expect(await messagesOf(db, job)).toEqual(['job.run']);
  });

  it('a cancel and a confirm that race leave one history that fits', async () => {
    const job = await aJob(db, tenantId, { status: 'draft_ready' });
    await Promise.allSettled([
      programs.lifecycle.confirm(mine(), job.job_id, { version: job.version }),
      programs.lifecycle.cancel(mine(), job.job_id, job.version),
    ]);
    const history = await actions(job);
    expect([['job.confirmed', 'job.enqueued'], ['job.cancelled']]).toContainEqual(history);
    expect((await rowOf(job)).version).toBe(job.version + history.length);
  });
});

describe('confirm', () => {
  it('refuses a draft of the rules whose inputs changed after it was made', async () => {
    const job = await aJob(db, tenantId, {
      status: 'draft_ready',
      inputs_fingerprint: 'sha256:new',
      draft_revision: 2,
    });
    await db.sql('DELETE FROM draft WHERE tenant_id = $1 AND job_id = $2', [tenantId, job.job_id]);
    await aDraft(db, job, { source: 'rules', inputs_fingerprint: 'sha256:old' });
    await expect(
      programs.lifecycle.confirm(mine(), job.job_id, { version: job.version }),
    ).rejects.toMatchObject({
      code: 'DRAFT_OUT_OF_DATE',
    });
    expect(await actions(job)).toEqual([]);
  });

  it('refuses a plan whose steps name a dataset’s table', async () => {
    const job = await aJob(db, tenantId, { status: 'draft_ready', draft_revision: 2 });
    await aDataset(db, job, { dataset_key: 's1' });
    await expect(programs.lifecycle.confirm(mine(), job.job_id, { version: null })).rejects.toMatchObject({
      code: 'PLAN_INVALID',
    });
  });

  it('forgets a drafting that was still asked for', async () => {
    const job = await aJob(db, tenantId, {
      status: 'draft_ready',
      draft_task: { task_id: 't', state: 'pending' },
    });
    expect((await programs.lifecycle.confirm(mine(), job.job_id, { version: null })).draft_task).toBeNull();
  });

  it('hashes the plan and the inputs: other inputs, another plan_id', async () => {
    const ids = await Promise.all(
      ['sha256:one', 'sha256:two', 'sha256:one'].map(async (fingerprint) => {
        const job = await aJob(db, tenantId, { status: 'draft_ready', inputs_fingerprint: fingerprint });
        return (await programs.lifecycle.confirm(mine(), job.job_id, { version: null })).plan_id;
      }),
    );
    expect(ids[0]).toBe(ids[2]);
    expect(ids[0]).not.toBe(ids[1]);
  });
});

describe('the runs of a job that is no more', () => {
  it('stay readable with the outcome that they had', async () => {
    const job = await aJob(db, tenantId, { status: 'running', lease_no: 2 });
    await aRun(
      db,
      { ...job, run_id: null, lease_no: 1 },
      { ended_at: new Date().toISOString(), outcome: 'lost' },
    );
    await programs.lifecycle.cancel(mine(), job.job_id, null);
    const runs = await programs.reads.listRuns(mine(), job.job_id);
    expect(runs.map((run) => [run.lease_no, run.status])).toEqual([
      [1, 'lost'],
      [2, 'cancelled'],
    ]);
  });
});
