import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newTraceId } from '#observability';
import { type JobRef, Messages } from '#queue';
import {
  aTenant,
  eventually,
  JobPrograms,
  LEASE_MS,
  messagesOf,
  NOOP_PLAN,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { type Ask, findViolations } from './invariants/invariant.js';
import { INVARIANTS } from './invariants/invariants.js';
import { JobExplanations } from './job-explanations.js';
import type { Job } from './job.js';
import { ParkedJobs } from './parked-jobs.js';
import { QueueControl } from './queue-control.js';
import { QueueReconciler } from './queue-reconciler.js';
import type { ClaimedRun } from './run.js';
import { RunningJobsLimit } from './running-jobs-limit.js';

let db: TestDatabase;
let programs: JobPrograms;
let parkedJobs: ParkedJobs;
/** Has a limit in most tests. */
let tenantId: string;
/** Never has one. */
let other: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  parkedJobs = new ParkedJobs(programs.worker, programs.workerScope);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  other = await aTenant(db);
  await db.sql('DELETE FROM pgboss.job');
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const limitTo = (runningJobs: number | null): Promise<unknown> =>
  db.sql(
    `INSERT INTO tenant_quota (tenant_id, running_jobs) VALUES ($1, $2)
     ON CONFLICT (tenant_id) DO UPDATE SET running_jobs = excluded.running_jobs`,
    [tenantId, runningJobs],
  );

async function queued(given: { priority?: number } = {}, tenant = tenantId): Promise<Job> {
  const wanted = { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true, ...given };
  return (await programs.lifecycle.create(programs.client(tenant), wanted, null)).job;
}
async function queuedMany(count: number, tenant = tenantId): Promise<Job[]> {
  const jobs: Job[] = [];
  for (let n = 0; n < count; n++) jobs.push(await queued({}, tenant));
  return jobs;
}

const claim = (max = 100): Promise<ClaimedRun[]> => programs.runs.claim(programs.workerIdentity, max);
const succeed = (run: ClaimedRun): Promise<void> => programs.runs.settle(run, { outcome: 'succeeded' });
const mine = (runs: readonly ClaimedRun[]): string[] =>
  runs.filter((run) => run.tenantId === tenantId).map(({ jobId }) => jobId);
const idsOf = (jobs: readonly Job[]): string[] => jobs.map(({ job_id }) => job_id);
const running = async (): Promise<number> =>
  (await db.sql('SELECT FROM run WHERE tenant_id = $1 AND ended_at IS NULL', [tenantId])).length;
const counts = async (): Promise<{ waiting: number; parked: number }> => {
  const [run] = await programs.worker.acrossTenants(programs.workerScope, (tx) => new Messages().count(tx));
  return { waiting: run!.waiting, parked: run!.parked };
};

describe('the limit of running jobs', () => {
  it('lets so many run and parks the rest, in the order of the line, and other tenants go on', async () => {
    await limitTo(3);
    const jobs = await queuedMany(10);
    const others = await queuedMany(4, other);
    const runs = await claim();
    expect(mine(runs).sort()).toEqual(idsOf(jobs.slice(0, 3)).sort());
    expect(runs).toHaveLength(3 + others.length);
    expect(await counts()).toEqual({ waiting: 0, parked: 7 });
  });

  it('lets the next one in for each run that ends, whatever way it ends', async () => {
    await limitTo(4);
    const jobs = await queuedMany(9);
    const runs = await claim();
    const [one, two, three, four] = runs as [ClaimedRun, ClaimedRun, ClaimedRun, ClaimedRun];
    await succeed(one);
    await programs.runs.settle(two, {
      outcome: 'failed',
      error: { code: 'X', message: 'x' },
      retryAfterMs: null,
    });
    await programs.lifecycle.cancel(programs.client(tenantId), three.jobId, null);
    await db.sql(`UPDATE run SET lease_until = now() - interval '1 second' WHERE run_id = $1`, [four.runId]);
    expect(await programs.lost.abandon()).toMatchObject([{ jobId: four.jobId, status: 'queued' }]);
    const next = await claim();
    // The one that lost its worker goes on where it was, before those that never ran.
    expect(mine(next).sort()).toEqual([four.jobId, ...idsOf(jobs.slice(4, 7))].sort());
    expect(await running()).toBe(4);
    expect(await counts()).toEqual({ waiting: 0, parked: 2 });
  });

  it('gives the place of an interrupted run to the same job', async () => {
    await limitTo(1);
    const [first, second] = (await queuedMany(3)) as [Job, Job, Job];
    const [run] = await claim();
    await programs.runs.settle(run!, { outcome: 'interrupted' });
    expect(mine(await claim(1))).toEqual([first.job_id]);
    expect(await running()).toBe(1);
    expect(second.status).toBe('queued');
  });

  it('is never passed by many who claim and settle at the same time, and all jobs end', async () => {
    await limitTo(3);
    await queuedMany(40);
    await queuedMany(20, other);
    let most = 0;
    let ended = 0;
    const work = async (): Promise<void> => {
      for (let idle = 0; idle < 20;) {
        const runs = await claim(4);
        most = Math.max(most, await running());
        for (const run of runs) await succeed(run);
        ended += runs.length;
        idle = runs.length > 0 ? 0 : idle + 1;
      }
    };
    await Promise.all([work(), work(), work(), work(), work()]);
    // No look was needed: nothing was missed by those who settled.
    expect([ended, most]).toEqual([60, 3]);
    expect(await counts()).toEqual({ waiting: 0, parked: 0 });
  });

  it('makes who ends a run wait for a claim that parks at this moment: else nobody would let in what it parks', async () => {
    await limitTo(1);
    await queued();
    const [run] = await claim();
    await queued();
    let settled: Promise<void> | undefined;
    await programs.worker.acrossTenants(programs.workerScope, async (tx) => {
      const limit = new RunningJobsLimit();
      const findPast = (refs: readonly JobRef[]) => limit.findPast(tx, refs);
      expect(await programs.workerQueue.take(tx, 'job.run', 5, findPast)).toEqual([]);
      settled = succeed(run!);
      await eventually(async () => {
        const waiting = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`;
        return (await db.sql(waiting)).length > 0;
      });
    });
    await settled;
    expect(await counts()).toEqual({ waiting: 1, parked: 0 });
  });

  it('of 0 stops a tenant, and its removal frees all', async () => {
    await limitTo(0);
    const jobs = await queuedMany(5);
    expect(await claim()).toEqual([]);
    expect(await parkedJobs.letIn()).toBe(0);
    expect(await counts()).toEqual({ waiting: 0, parked: 5 });
    await limitTo(null);
    expect(await parkedJobs.letIn()).toBe(5);
    expect(mine(await claim()).sort()).toEqual(idsOf(jobs).sort());
  });

  it('holds for the next claim when it is changed; a lower one ends nothing', async () => {
    await limitTo(2);
    await queuedMany(8);
    const first = await claim();
    await limitTo(4);
    expect(await parkedJobs.letIn()).toBe(2);
    expect(await parkedJobs.letIn()).toBe(0);
    const second = await claim();
    expect(second).toHaveLength(2);
    await limitTo(1);
    expect(await running()).toBe(4);
    for (const run of [...first, ...second.slice(1)]) await succeed(run);
    expect(await claim()).toEqual([]);
    await succeed(second[0]!);
    expect(await claim()).toHaveLength(1);
  });

  it('lets higher priorities in first', async () => {
    await limitTo(1);
    await queued();
    const runs = await claim();
    const low = await queued();
    const high = await queued({ priority: 5 });
    expect(await claim()).toEqual([]);
    await succeed(runs[0]!);
    const [next] = await claim();
    expect(next!.jobId).toBe(high.job_id);
    await succeed(next!);
    expect(mine(await claim())).toEqual([low.job_id]);
  });

  it('keeps no place for a job that is claimed by nobody', async () => {
    await limitTo(1);
    const [unfit, fit] = (await queuedMany(2)) as [Job, Job];
    await db.sql(`UPDATE job SET needs = '{command:stata}', version = version + 1 WHERE job_id = $1`, [
      unfit.job_id,
    ]);
    expect(mine(await claim())).toEqual([fit.job_id]);
    expect(await messagesOf(db, unfit)).toEqual(['job.run']);
  });

  it('does not make a claim give up while others wait behind what is parked', async () => {
    await limitTo(0);
    await queuedMany(30);
    const last = await queued({}, other);
    // The newcomer is next by its turn; here it is put behind all of the flood.
    await db.sql(`UPDATE pgboss.job SET created_on = '2001-01-01' WHERE data ->> 'job_id' = $1`, [
      last.job_id,
    ]);
    expect((await claim(2)).map(({ jobId }) => jobId)).toEqual([last.job_id]);
  });

  it('is another tenant’s affair alone', async () => {
    await limitTo(0);
    await queuedMany(2, other);
    expect(await claim()).toHaveLength(2);
  });
});

describe('a parked job', () => {
  const client = () => programs.client(tenantId);

  it('is told what it waits for', async () => {
    await limitTo(1);
    const [, second, third] = (await queuedMany(3)) as [Job, Job, Job];
    await programs.workers.beat(programs.workerIdentity, []);
    const explain = (job: Job) => new JobExplanations(programs.api, LEASE_MS).of(client(), job.job_id);
    expect(await explain(third)).toMatchObject({ runnable: true, reasons: [{ code: 'IN_LINE' }] });
    await claim();
    for (const [job, ahead] of [
      [second, 0],
      [third, 1],
    ] as const) {
      expect(await explain(job)).toMatchObject({
        runnable: false,
        reasons: [{ code: 'TENANT_AT_LIMIT', limit: 1, current: 1, ahead }],
      });
    }
  });

  it('ends with its message when it is cancelled, and takes no place', async () => {
    await limitTo(1);
    const [, second, third] = (await queuedMany(3)) as [Job, Job, Job];
    const [run] = await claim();
    await programs.lifecycle.cancel(client(), second.job_id, null);
    expect(await messagesOf(db, second)).toEqual([]);
    await succeed(run!);
    expect(mine(await claim())).toEqual([third.job_id]);
  });

  it('is nothing that the reconciler has to mend', async () => {
    const reconciler = new QueueReconciler(programs.worker, programs.workerQueue, programs.workerScope);
    // Other tests left jobs without messages.
    await reconciler.round();
    await db.sql('DELETE FROM tenant_quota');
    while ((await claim()).length > 0);
    await limitTo(0);
    await queuedMany(5);
    await claim();
    expect(await counts()).toEqual({ waiting: 0, parked: 5 });
    expect(await reconciler.round()).toEqual({ repairs: [], complete: true });
    expect(await counts()).toEqual({ waiting: 0, parked: 5 });
    const messageForEachJob = INVARIANTS.find(({ id }) => id === 'I10')!;
    const ask: Ask = (text, values) => db.sql(text, [...values]);
    const atOnce = { quietSeconds: 0, sweepSeconds: 0 };
    expect(await findViolations(ask, messageForEachJob, atOnce)).toEqual({ total: 0, rows: [] });
  });

  it('stays where it is while the queue is paused', async () => {
    await limitTo(1);
    const [, second] = (await queuedMany(3)) as [Job, Job, Job];
    const [run] = await claim();
    const control = new QueueControl(db.database('ss_operator'));
    const why = { actor: { kind: 'operator', id: 'alice' }, source: 'ssctl', reason: 'a pause' } as const;
    await control.pause(why, 'job.run');
    await succeed(run!);
    expect(await claim()).toEqual([]);
    await control.resume(why, 'job.run');
    expect(mine(await claim())).toEqual([second.job_id]);
    expect(await counts()).toEqual({ waiting: 0, parked: 1 });
  });

  it('fails at its expires_at as any other', async () => {
    await limitTo(0);
    const job = await queued();
    await claim();
    await db.sql(
      `UPDATE job SET expires_at = now() - interval '1 second', version = version + 1 WHERE job_id = $1`,
      [job.job_id],
    );
    expect(await programs.lost.expire()).toMatchObject([{ jobId: job.job_id }]);
    expect(await counts()).toEqual({ waiting: 0, parked: 0 });
  });
});

describe('a flood of a tenant that may have no more running', () => {
  it('is out of the way of others after a few claims, and all of it is let in at the end', async () => {
    await limitTo(1);
    const first = await queued();
    await claim();
    await programs.worker.acrossTenants(programs.workerScope, (tx) =>
      programs.workerQueue.wakeAll(
        tx,
        'job.run',
        Array.from({ length: 10_000 }, (_, n) => ({ tenantId, jobId: `flood-${String(n)}` })),
      ),
    );
    expect(await claim(8)).toEqual([]);
    expect(await counts()).toEqual({ waiting: 0, parked: 10_000 });
    const next = await queued({}, other);
    expect((await claim(8)).map(({ jobId }) => jobId)).toEqual([next.job_id]);
    expect(first.status).toBe('queued');
    await limitTo(null);
    expect(await parkedJobs.letIn()).toBe(10_000);
    expect(await counts()).toEqual({ waiting: 10_000, parked: 0 });
  });
});
