import type { Instant } from '#database';
import { metrics, newTraceId } from '#observability';
import { aJob, aTenant, JobPrograms, NOOP_PLAN, type TestDatabase, testDatabase, timePasses } from '#testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Job } from './job.js';
import type { JobStatus } from './job-moves.js';
import type { Settlement } from './job-runs.js';
import { JobStore } from './job-store.js';
import type { Lease } from './run.js';

const HOUR_SECONDS = 3_600;
const EVENTS = [
  ...['cancelled', 'confirmed', 'created', 'drafted', 'enqueued', 'failed'],
  ...['requeued', 'retried', 'started', 'succeeded'],
];

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  metrics.jobs.reset();
  for (const histogram of [metrics.jobStateSeconds, metrics.runSeconds, metrics.jobAttempts])
    histogram.reset();
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const mine = () => programs.client(tenantId);
const past = (hours: number): Instant => new Date(Date.now() - hours * HOUR_SECONDS * 1_000).toISOString();
const FAILURE = { code: 'STEP_FAILED', message: 'x' };
const leaseOf = (job: Job): Lease => ({
  ...{ tenantId: job.tenant_id, jobId: job.job_id },
  ...{ runId: job.run_id!, leaseNo: job.lease_no },
});

async function settled(settlement: Settlement, given: Partial<Job> = {}): Promise<void> {
  const job = await aJob(db, tenantId, { status: 'running', ...given });
  await programs.runs.settle(leaseOf(job), settlement);
}

/** What was counted of events. */
async function events(): Promise<Record<string, number>> {
  return Object.fromEntries(
    (await metrics.jobs.get()).values.map(({ labels, value }) => [String(labels.event), value]),
  );
}

/** What the audit says that happened to the tenant's jobs; an expired job has failed. */
async function audited(): Promise<Record<string, number>> {
  const rows = await db.sql<{ event: string; count: number }>(
    `SELECT CASE action WHEN 'job.expired' THEN 'failed' ELSE substr(action, 5) END AS event, count(*)::integer AS count
     FROM audit_event WHERE tenant_id = $1 AND resource_type = 'job' AND (to_status <> from_status OR from_status IS NULL)
     GROUP BY 1`,
    [tenantId],
  );
  return Object.fromEntries(rows.map(({ event, count }) => [event, count]));
}

/** The sum and the count of the time in a state. */
async function timeIn(status: JobStatus): Promise<{ seconds: number; count: number }> {
  const { values } = await metrics.jobStateSeconds.get();
  const of = (suffix: string): number =>
    values.find(({ labels, metricName }) => labels.status === status && metricName?.endsWith(suffix))
      ?.value ?? 0;
  return { seconds: of('_sum'), count: of('_count') };
}

describe('what is counted of jobs', () => {
  it('is what the audit says: every move once, whoever made it', async () => {
    const { lifecycle, runs, lost } = programs;
    await lifecycle.create(mine(), { traceId: newTraceId(), requirement: 'x' }, null);
    const whole = { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true };
    const repeat = { route: 'x', key: 'once', bodySha256: 'a'.repeat(64), ttlHours: 1 };
    await lifecycle.create(mine(), whole, repeat);
    expect((await lifecycle.create(mine(), whole, repeat)).replayed).toBe(true);
    const [run] = await runs.claim(programs.workerIdentity, 1);
    await runs.settle(run!, { outcome: 'succeeded' });
    const held = await aJob(db, tenantId, { status: 'draft_ready' });
    await lifecycle.confirm(mine(), held.job_id, { version: null, hold: true });
    await lifecycle.enqueue(mine(), held.job_id, null);
    await expect(lifecycle.enqueue(mine(), held.job_id, null)).rejects.toThrow();
    await settled({ outcome: 'interrupted' });
    await settled({ outcome: 'failed', error: FAILURE, retryAfterMs: null });
    await lifecycle.retry(mine(), (await aJob(db, tenantId, { status: 'failed' })).job_id, null);
    await lifecycle.cancel(mine(), (await aJob(db, tenantId)).job_id, null);
    await timePasses(db, await aJob(db, tenantId, { status: 'queued' }), 'expires_at');
    expect(await lost.expire()).toHaveLength(1);
    await db.sql('UPDATE run SET lease_until = clock_timestamp() WHERE run_id = $1', [
      (await aJob(db, tenantId, { status: 'running' })).run_id,
    ]);
    expect(await lost.abandon()).toHaveLength(1);
    const counted = await events();
    expect(counted).toEqual(await audited());
    expect(Object.keys(counted).sort()).toEqual(EVENTS);
  });

  it('does not rise when the move is not committed', async () => {
    const job = await aJob(db, tenantId, { status: 'draft_ready' });
    const broken = programs.api.transaction(mine(), async (tx) => {
      await new JobStore().tryMove(tx, { tenantId, jobId: job.job_id }, 'cancel', job.version);
      throw new Error('later in the transaction');
    });
    await expect(broken).rejects.toThrow('later in the transaction');
    expect(await events()).toEqual({});
  });

  it.each([
    ['created', { created_at: past(1) }],
    ['confirmed', { confirmed_at: past(1) }],
    ['queued', { queued_at: past(1) }],
    ['queued', { started_at: past(2), queued_at: past(1) }],
    ['running', { queued_at: past(2), started_at: past(1) }],
  ] as const)('tells how long a job was %s when it is cancelled (%#)', async (status, given) => {
    const { job_id: jobId } = await aJob(db, tenantId, { status, ...given });
    await programs.lifecycle.cancel(mine(), jobId, null);
    const { seconds, count } = await timeIn(status);
    expect(count).toBe(1);
    expect(Math.abs(seconds - HOUR_SECONDS)).toBeLessThan(60);
  });

  it('tells for how long a draft was ready when it is confirmed', async () => {
    const { job_id: jobId } = await aJob(db, tenantId, { status: 'draft_ready' });
    await db.sql('UPDATE draft SET created_at = $2 WHERE job_id = $1', [jobId, past(1)]);
    await programs.lifecycle.confirm(mine(), jobId, { version: null });
    expect((await timeIn('draft_ready')).count).toBe(1);
    expect(Math.abs((await timeIn('draft_ready')).seconds - HOUR_SECONDS)).toBeLessThan(60);
  });
});
