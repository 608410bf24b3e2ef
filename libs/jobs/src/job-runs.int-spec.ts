import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  aJob,
  aRun,
  aTenant,
  auditOf,
  JobPrograms,
  LEASE_MS,
  MAX_LOST_RUNS,
  messagesOf,
  rejectionsOf,
  NOOP_PLAN,
  type TestDatabase,
  testDatabase,
  timePasses,
} from '#testing';
import { randomUUID } from 'node:crypto';
import type { Job } from './job.js';
import type { NewArtifact } from './job-artifacts.js';
import type { Settlement } from './job-runs.js';
import type { ClaimedRun, Lease } from './run.js';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  // A message that another test left would be claimed here.
  await db.sql('DELETE FROM pgboss.job');
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const mine = () => programs.client(tenantId);
const claim = (max = 100): Promise<ClaimedRun[]> => programs.runs.claim(programs.workerIdentity, max);
const get = (job: Pick<Job, 'job_id'>): Promise<Job> => programs.lifecycle.get(mine(), job.job_id);
const actions = async (job: Job): Promise<string[]> => (await auditOf(db, job)).map((row) => row.action);
const leaseOf = (job: Job): Lease => ({
  tenantId: job.tenant_id,
  jobId: job.job_id,
  runId: job.run_id!,
  leaseNo: job.lease_no,
});

async function running(given: Partial<Job> = {}): Promise<{ job: Job; lease: Lease }> {
  const job = await aJob(db, tenantId, { status: 'running', ...given });
  return { job, lease: leaseOf(job) };
}

const artifact = (run: Lease, relPath = 'tables/s1.csv'): NewArtifact => ({
  ...{ rel_path: relPath, kind: 'table.csv', content_type: 'text/csv', bytes: 3, sha256: 'a'.repeat(64) },
  ...{ storage_name: `runs/${run.runId}/${relPath}`, run_id: run.runId, step_id: 's1' },
});

describe('the lease of a run', () => {
  it('is renewed for those who hold it, and the others are told how their run ended', async () => {
    const [held, cancelled, settled] = [await running(), await running(), await running()];
    await programs.lifecycle.cancel(mine(), cancelled.lease.jobId, null);
    await programs.runs.settle(settled.lease, { outcome: 'succeeded' });
    const stale = { ...held.lease, leaseNo: held.lease.leaseNo + 1 };
    await db.sql(`UPDATE run SET lease_until = clock_timestamp() + interval '1 second' WHERE run_id = $1`, [
      held.lease.runId,
    ]);
    const beat = (leases: Lease[]) => programs.workers.beat(programs.workerIdentity, leases);
    expect(await beat([held.lease, cancelled.lease, settled.lease])).toEqual(
      expect.arrayContaining([
        { runId: held.lease.runId, held: true, outcome: null },
        { runId: cancelled.lease.runId, held: false, outcome: 'cancelled' },
        { runId: settled.lease.runId, held: false, outcome: 'succeeded' },
      ]),
    );
    expect(await beat([stale])).toEqual([{ runId: stale.runId, held: false, outcome: null }]);
    const [{ left }] = (await db.sql<{ left: number }>(
      'SELECT extract(epoch FROM lease_until - clock_timestamp())::float AS left FROM run WHERE run_id = $1',
      [held.lease.runId],
    )) as [{ left: number }];
    expect(left).toBeGreaterThan(LEASE_MS / 1_000 - 10);
  });

  it('keeps the outcome of a step with its artifacts', async () => {
    const { job, lease } = await running();
    await programs.runs.beginStep(lease, { stepId: 's1', position: 1, type: 'noop' });
    await programs.runs.endStep(lease, 's1', {
      outcome: 'succeeded',
      summary: { rowCount: 2 },
      artifacts: [artifact(lease)],
    });
    const run = await programs.reads.getRun(mine(), job.job_id, lease.runId);
    expect(run.steps).toEqual([
      expect.objectContaining({ step_id: 's1', status: 'succeeded', summary: { rowCount: 2 } }),
    ]);
    expect(await programs.reads.findArtifact(mine(), job.job_id, 'tables/s1.csv')).toMatchObject({
      run_id: lease.runId,
      bytes: 3,
    });
  });

  it.each([
    ['of another number', (lease: Lease) => ({ ...lease, leaseNo: lease.leaseNo + 1 })],
    ['of another run', (lease: Lease) => ({ ...lease, runId: randomUUID() })],
    ['of another tenant', (lease: Lease) => ({ ...lease, tenantId: `${lease.tenantId}-2` })],
  ])('%s can begin no step, end none, record no artifact and settle nothing', async (_what, other) => {
    const { job, lease } = await running();
    await programs.runs.beginStep(lease, { stepId: 's1', position: 1, type: 'noop' });
    await expectStale(other(lease), job);
    expect(await get(job)).toMatchObject({ status: 'running', version: job.version });
  });

  it('that was swept away is as good as none', async () => {
    const { job, lease } = await running();
    await programs.runs.beginStep(lease, { stepId: 's1', position: 1, type: 'noop' });
    await db.sql('UPDATE run SET lease_until = clock_timestamp() WHERE run_id = $1', [lease.runId]);
    await programs.lost.abandon();
    await expectStale(lease, job);
    const [next] = await claim();
    expect(next).toMatchObject({ jobId: job.job_id, leaseNo: lease.leaseNo + 1, attempt: 1 });
    await expectStale(lease, job);
    expect(await get(job)).toMatchObject({ status: 'running', run_id: next!.runId });
  });

  it('that a cancel ended is as good as none', async () => {
    const { job, lease } = await running();
    await programs.runs.beginStep(lease, { stepId: 's1', position: 1, type: 'noop' });
    await programs.lifecycle.cancel(mine(), job.job_id, job.version);
    await expectStale(lease, job);
    expect(await get(job)).toMatchObject({ status: 'cancelled', version: job.version + 1 });
  });

  async function expectStale(lease: Lease, job: Job): Promise<void> {
    const writes = [
      programs.runs.beginStep(lease, { stepId: 's2', position: 2, type: 'noop' }),
      programs.runs.endStep(lease, 's1', { outcome: 'succeeded', artifacts: [artifact(lease)] }),
      programs.runs.settle(lease, { outcome: 'succeeded' }),
      programs.runs.settle(lease, { outcome: 'interrupted' }),
      programs.runs.settle(lease, {
        outcome: 'failed',
        error: { code: 'X', message: 'x' },
        retryAfterMs: null,
      }),
    ];
    expect(rejectionsOf(await Promise.allSettled(writes))).toEqual(
      writes.map(() => expect.objectContaining({ code: 'STALE_LEASE' })),
    );
    expect(
      await db.sql(`SELECT FROM run_step WHERE job_id = $1 AND (step_id = 's2' OR outcome = 'succeeded')`, [
        job.job_id,
      ]),
    ).toEqual([]);
    expect(await programs.reads.listArtifacts(mine(), job.job_id)).toEqual([]);
  }
});

describe('settle', () => {
  const error = { code: 'STEP_FAILED', message: 'no', step_id: 's1' };
  const cases: [string, Settlement, Partial<Job>, string, number][] = [
    ['succeeded', { outcome: 'succeeded' }, { status: 'succeeded', error: null }, 'job.succeeded', 0],
    [
      'failed',
      { outcome: 'failed', error, retryAfterMs: null },
      { status: 'failed', error },
      'job.failed',
      1,
    ],
    [
      'timed_out',
      { outcome: 'timed_out', error, retryAfterMs: null },
      { status: 'failed', error },
      'job.failed',
      1,
    ],
    ['interrupted', { outcome: 'interrupted' }, { status: 'queued', error: null }, 'job.requeued', 0],
  ];

  it.each(cases)(
    '%s moves the job, ends the run and its steps, and counts failures only',
    async (outcome, settlement, after, action, failures) => {
      const { job, lease } = await running({ attempts: 2, priority: 6 });
      await programs.runs.beginStep(lease, { stepId: 's1', position: 1, type: 'noop' });
      await programs.runs.settle(lease, settlement);
      const now = await get(job);
      expect(now).toMatchObject({
        ...after,
        version: job.version + 1,
        attempts: 2 + failures,
        lease_no: job.lease_no,
      });
      expect(now.finished_at === null).toBe(now.status === 'queued');
      const run = await programs.reads.getRun(mine(), job.job_id, lease.runId);
      expect(run).toMatchObject({ status: outcome, steps: [{ status: outcome }] });
      expect(await auditOf(db, job)).toEqual([
        expect.objectContaining({
          action,
          from_status: 'running',
          run_id: lease.runId,
          lease_no: lease.leaseNo,
        }),
      ]);
      expect(await messagesOf(db, job)).toEqual(outcome === 'interrupted' ? ['job.run'] : []);
    },
  );

  it('puts off the next run of a job that is to be tried again, and no worker takes it before', async () => {
    const { job, lease } = await running({ attempts: 1 });
    await programs.runs.settle(lease, { outcome: 'failed', error, retryAfterMs: 60_000 });
    const now = await get(job);
    expect(now).toMatchObject({ status: 'queued', attempts: 2, error, finished_at: null });
    expect(Date.parse(now.scheduled_at!) - Date.parse(now.queued_at!)).toBeGreaterThan(55_000);
    expect(await programs.reads.getRun(mine(), job.job_id, lease.runId)).toMatchObject({
      status: 'failed',
      error,
    });
    expect(await claim()).toEqual([]);
    // A message that comes too early is only a hint: the row is looked at, and the message comes again.
    await db.sql(`UPDATE pgboss.job SET start_after = now() WHERE data ->> 'job_id' = $1`, [job.job_id]);
    expect(await claim()).toEqual([]);
    expect(await messagesOf(db, job)).toEqual(['job.run']);
    await timePasses(db, job, 'scheduled_at');
    expect(await claim()).toMatchObject([{ jobId: job.job_id, attempt: 3 }]);
  });

  it('may be said again after an answer that was lost, and happens once', async () => {
    const { job, lease } = await running();
    for (let n = 0; n < 3; n++) await programs.runs.settle(lease, { outcome: 'succeeded' });
    expect(await actions(job)).toEqual(['job.succeeded']);
    const other = await running();
    for (let n = 0; n < 2; n++) await programs.runs.settle(other.lease, { outcome: 'interrupted' });
    expect(await actions(other.job)).toEqual(['job.requeued']);
    expect(await messagesOf(db, other.job)).toEqual(['job.run']);
  });

  it('happens once: of two racing settlements one is stale', async () => {
    const { job, lease } = await running();
    const outcomes = await Promise.allSettled([
      programs.runs.settle(lease, { outcome: 'succeeded' }),
      programs.runs.settle(lease, { outcome: 'failed', error, retryAfterMs: null }),
    ]);
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    expect(await actions(job)).toHaveLength(1);
  });

  it('and cancel that race leave one end and one audit row', async () => {
    for (let n = 0; n < 5; n++) {
      const { job, lease } = await running();
      await Promise.allSettled([
        programs.runs.settle(lease, { outcome: 'succeeded' }),
        programs.lifecycle.cancel(mine(), job.job_id, null),
      ]);
      const { status } = await get(job);
      const [run] = await programs.reads.listRuns(mine(), job.job_id);
      expect([await actions(job), run!.status]).toEqual([[`job.${status}`], status]);
    }
  });

  it('rolls back whole when the message cannot be sent', async () => {
    const { job, lease } = await running();
    await db.sql('REVOKE INSERT ON ALL TABLES IN SCHEMA pgboss FROM ss_worker');
    try {
      await expect(programs.runs.settle(lease, { outcome: 'interrupted' })).rejects.toMatchObject({
        code: '42501',
      });
    } finally {
      await db.sql('GRANT INSERT ON ALL TABLES IN SCHEMA pgboss TO ss_worker');
    }
    expect(await get(job)).toMatchObject({ status: 'running', version: job.version });
    expect(await actions(job)).toEqual([]);
  });
});

describe('abandon', () => {
  it('queues again the job of a run whose lease is over, with a message, and uses up no attempt', async () => {
    const { job, lease } = await running({ priority: 3, attempts: 1 });
    const alive = await running();
    await programs.runs.beginStep(lease, { stepId: 's1', position: 1, type: 'noop' });
    await db.sql('UPDATE run SET lease_until = clock_timestamp() WHERE run_id = $1', [lease.runId]);
    expect(await programs.lost.abandon()).toEqual([expect.objectContaining({ ...lease, status: 'queued' })]);
    expect(await get(job)).toMatchObject({ status: 'queued', version: job.version + 1, attempts: 1 });
    expect(await programs.reads.getRun(mine(), job.job_id, lease.runId)).toMatchObject({
      status: 'lost',
      steps: [{ status: 'lost' }],
    });
    expect(await actions(job)).toEqual(['job.requeued']);
    expect(
      await db.sql(`SELECT priority FROM pgboss.job WHERE data ->> 'job_id' = $1`, [job.job_id]),
    ).toEqual([{ priority: 3 }]);
    expect(await get(alive.job)).toMatchObject({ status: 'running' });
    expect(await programs.lost.abandon()).toEqual([]);
  });

  it('ends a job that took down its workers once too often', async () => {
    const { job, lease } = await running({ lost_runs: MAX_LOST_RUNS - 1 });
    await db.sql('UPDATE run SET lease_until = clock_timestamp() WHERE run_id = $1', [lease.runId]);
    expect(await programs.lost.abandon()).toMatchObject([{ runId: lease.runId, status: 'failed' }]);
    const now = await get(job);
    expect(now).toMatchObject({ status: 'failed', attempts: 0, error: { code: 'POISON_JOB' } });
    expect(now.finished_at).not.toBeNull();
    expect(await messagesOf(db, job)).toEqual([]);
    await programs.lifecycle.retry(mine(), job.job_id, null);
    expect(await get(job)).toMatchObject({ status: 'queued', lost_runs: 0, error: null });
  });

  it('does not wait for a run that a frozen worker holds: it takes the others, and that one later', async () => {
    const [frozen, dead] = [await running(), await running()];
    const ids = [frozen.lease.runId, dead.lease.runId];
    await db.sql('UPDATE run SET lease_until = clock_timestamp() WHERE run_id = ANY($1)', [ids]);
    const holder = await db.session('ss_worker', tenantId);
    try {
      await holder.query('SELECT FROM run WHERE run_id = $1 FOR SHARE', [frozen.lease.runId]);
      expect(await programs.lost.abandon()).toMatchObject([{ runId: dead.lease.runId }]);
    } finally {
      await holder.end();
    }
    expect(await programs.lost.abandon()).toMatchObject([{ runId: frozen.lease.runId }]);
  });

  it('by several at once takes each run once', async () => {
    const lost = await Promise.all(Array.from({ length: 12 }, () => running()));
    const ids = lost.map(({ lease }) => lease.runId);
    await db.sql('UPDATE run SET lease_until = clock_timestamp() WHERE run_id = ANY($1)', [ids]);
    const swept = await Promise.all(Array.from({ length: 4 }, () => programs.lost.abandon()));
    expect(
      swept
        .flat()
        .map((lease) => lease.runId)
        .sort(),
    ).toEqual([...ids].sort());
  });
});

describe('order', () => {
  it('gives the frozen plan and the inputs, and not to another tenant', async () => {
    const { lease } = await running();
    expect(await programs.runs.order(lease)).toEqual({ plan: NOOP_PLAN, datasets: [], done: [] });
    await expect(programs.runs.order({ ...lease, tenantId: 'nobody' })).rejects.toMatchObject({
      code: 'PLAN_MISSING',
    });
  });

  it('has one open run a job, whatever SQL says', async () => {
    const { job } = await running();
    await expect(aRun(db, { ...job, run_id: null, lease_no: 9 })).rejects.toMatchObject({
      constraint: 'run_one_open_a_job',
    });
  });
});

describe('a job that waits', () => {
  it('past its expires_at is failed, is not claimed, and leaves no message', async () => {
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const { job } = await programs.lifecycle.create(
      mine(),
      { traceId: 'a'.repeat(32), plan: NOOP_PLAN, confirm: true, expiresAt: soon },
      null,
    );
    expect(job).toMatchObject({ status: 'queued', expires_at: expect.anything() });
    expect(await programs.lost.expire()).toEqual([]);
    await timePasses(db, job, 'expires_at');
    const ofAnother = await programs.lifecycle.create(
      mine(),
      { traceId: 'a'.repeat(32), plan: NOOP_PLAN, confirm: true },
      null,
    );
    expect((await claim()).map((run) => run.jobId)).toEqual([ofAnother.job.job_id]);
    expect(await programs.lost.expire()).toEqual([{ tenantId, jobId: job.job_id, traceId: job.trace_id }]);
    expect(await get(job)).toMatchObject({ status: 'failed', error: { code: 'JOB_EXPIRED' } });
    expect(await actions(job)).toContain('job.expired');
    expect(await messagesOf(db, job)).toEqual([]);
    expect(await programs.lifecycle.retry(mine(), job.job_id, null)).toMatchObject({
      status: 'queued',
      expires_at: null,
    });
    expect(await claim()).toMatchObject([{ jobId: job.job_id }]);
  });

  it('for a worker that can do more than this one is left to it, and looked at again', async () => {
    const { job } = await programs.lifecycle.create(
      mine(),
      { traceId: 'a'.repeat(32), plan: NOOP_PLAN, confirm: true },
      null,
    );
    const without = { ...programs.workerIdentity, abilities: ['sql'] };
    expect(await programs.runs.claim(without, 10)).toEqual([]);
    expect(await get(job)).toMatchObject({ status: 'queued', needs: ['noop'] });
    expect(await messagesOf(db, job)).toEqual(['job.run']);
    await db.sql(`UPDATE pgboss.job SET start_after = now()`);
    expect(await claim()).toMatchObject([{ jobId: job.job_id }]);
  });

  it('loses its message with a cancel', async () => {
    const { job } = await programs.lifecycle.create(
      mine(),
      { traceId: 'a'.repeat(32), plan: NOOP_PLAN, confirm: true },
      null,
    );
    expect(await messagesOf(db, job)).toEqual(['job.run']);
    await programs.lifecycle.cancel(mine(), job.job_id, null);
    expect(await messagesOf(db, job)).toEqual([]);
  });
});

describe('a run after another', () => {
  it('is told which steps are done, and takes them over', async () => {
    const { job, lease } = await running();
    await programs.runs.beginStep(lease, { stepId: 's1', position: 1, type: 'noop' });
    await programs.runs.endStep(lease, 's1', {
      outcome: 'succeeded',
      summary: { rowCount: 2 },
      artifacts: [artifact(lease)],
    });
    await programs.runs.beginStep(lease, { stepId: 's2', position: 2, type: 'noop' });
    await programs.runs.settle(lease, { outcome: 'interrupted' });
    const [next] = await claim();
    const { done } = await programs.runs.order(next!);
    const files = [{ kind: 'table.csv', storageName: `runs/${lease.runId}/tables/s1.csv` }];
    expect(done).toEqual([{ stepId: 's1', runId: lease.runId, files }]);
    const step = { stepId: 's1', position: 1, type: 'noop' };
    await programs.runs.resumeStep(next!, step, lease.runId);
    await programs.runs.resumeStep(next!, step, lease.runId);
    const run = await programs.reads.getRun(mine(), job.job_id, next!.runId);
    expect(run.steps).toMatchObject([
      { step_id: 's1', status: 'succeeded', resumed_from: lease.runId, summary: { rowCount: 2 } },
    ]);
    await programs.runs.settle(next!, { outcome: 'interrupted' });
    const [third] = await claim();
    expect((await programs.runs.order(third!)).done).toEqual(done);
  });

  it('takes a step over at one instant: it has not ended before it began', async () => {
    const { lease } = await running();
    const stepIds = Array.from({ length: 20 }, (_, index) => `s${String(index)}`);
    const steps = stepIds.map((stepId, index) => ({ stepId, position: index + 1, type: 'noop' }));
    for (const step of steps) {
      await programs.runs.beginStep(lease, step);
      await programs.runs.endStep(lease, step.stepId, { outcome: 'succeeded', artifacts: [] });
    }
    await programs.runs.settle(lease, { outcome: 'interrupted' });
    const [next] = await claim();
    for (const step of steps) await programs.runs.resumeStep(next!, step, lease.runId);
    const times = await db.sql<{ at_once: boolean }>(
      'SELECT started_at = ended_at AS at_once FROM run_step WHERE run_id = $1',
      [next!.runId],
    );
    expect(times).toEqual(steps.map(() => ({ at_once: true })));
  });

  it('is found by its worker when the answer to the claim was lost', async () => {
    const { job } = await programs.lifecycle.create(
      mine(),
      { traceId: 'a'.repeat(32), plan: NOOP_PLAN, confirm: true },
      null,
    );
    const worker = { ...programs.workerIdentity, workerId: randomUUID() };
    const [run] = await programs.runs.claim(worker, 1);
    const find = (known: string[]) => programs.runs.findUnknown(worker, known);
    expect(await find([])).toEqual([run]);
    expect(await find([run!.runId])).toEqual([]);
    await programs.runs.settle(run!, { outcome: 'succeeded' });
    expect(await find([])).toEqual([]);
    expect(await get(job)).toMatchObject({ status: 'succeeded' });
  });
});

it('a step that begins while a cancel waits for the run ends with it', async () => {
  const { job, lease } = await running();
  const session = await db.session('ss_worker', tenantId);
  await session.query('SELECT FROM run WHERE run_id = $1 FOR SHARE', [lease.runId]);
  const cancelling = programs.lifecycle.cancel(mine(), job.job_id, null);
  await db.untilBlocked();
  await session.query(
    `INSERT INTO run_step (tenant_id, job_id, run_id, step_id, position, type) VALUES ($1, $2, $3, 's1', 1, 'noop')`,
    [tenantId, job.job_id, lease.runId],
  );
  await session.query('COMMIT');
  await cancelling;
  await session.end();
  const run = await programs.reads.getRun(mine(), job.job_id, lease.runId);
  expect(run).toMatchObject({ status: 'cancelled', steps: [{ status: 'cancelled' }] });
});
