import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { newTraceId } from '#observability';
import { aTenant, JobPrograms, NOOP_PLAN, rejectionsOf, type TestDatabase, testDatabase } from '#testing';
import type { ClaimedRun } from './run.js';

const JOBS = 24;
const ROUNDS = 40;

/** What a race may refuse. Anything else, a deadlock that was not tried again say, is a fault. */
const REFUSALS = ['JOB_ILLEGAL_TRANSITION', 'JOB_VERSION_CONFLICT', 'STALE_LEASE'];

let db: TestDatabase;
let programs: JobPrograms;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

it('whatever clients, workers and sweeps do at once, rows, runs, messages and the audit agree', async () => {
  const scopes = [programs.client(await aTenant(db)), programs.client(await aTenant(db))];
  const refs = await Promise.all(
    Array.from({ length: JOBS }, async (_, n) => {
      const scope = scopes[n % scopes.length]!;
      const { job } = await programs.lifecycle.create(
        scope,
        { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true },
        null,
      );
      return { scope, jobId: job.job_id };
    }),
  );
  const held: ClaimedRun[] = [];
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(Math.random() * list.length)];
  const error = { code: 'STEP_FAILED', message: 'no' };
  const acts: (() => Promise<unknown>)[] = [
    async () => held.push(...(await programs.runs.claim(programs.workerIdentity, 4))),
    async () => held.push(...(await programs.runs.claim(programs.workerIdentity, 1))),
    () => programs.workers.beat(programs.workerIdentity, held),
    () => programs.lost.abandon(),
    // Some workers die: their leases are over, and nobody tells them.
    () => db.sql(`UPDATE run SET lease_until = clock_timestamp() WHERE ended_at IS NULL AND random() < 0.1`),
    () => settle({ outcome: 'interrupted' }),
    () => settle({ outcome: 'failed', error, retryAfterMs: pick([null, 0, 0])! }),
    () => settle(pick([{ outcome: 'succeeded' } as const, { outcome: 'interrupted' } as const])!),
    () => onJob((scope, jobId) => programs.lifecycle.retry(scope, jobId, null)),
    () => onJob((scope, jobId) => programs.lifecycle.retry(scope, jobId, null)),
    () =>
      Math.random() < 0.1
        ? onJob((scope, jobId) => programs.lifecycle.cancel(scope, jobId, null))
        : Promise.resolve(),
  ];
  const settle = async (settlement: Parameters<JobPrograms['runs']['settle']>[1]): Promise<void> => {
    const run = pick(held);
    if (run) await programs.runs.settle(run, settlement);
  };
  const onJob = async (
    act: (scope: (typeof scopes)[number], jobId: string) => Promise<unknown>,
  ): Promise<void> => {
    const ref = pick(refs)!;
    await act(ref.scope, ref.jobId);
  };

  for (let round = 0; round < ROUNDS; round++) {
    const outcomes = await Promise.allSettled(acts.map((act) => act()));
    for (const reason of rejectionsOf(outcomes)) {
      expect(REFUSALS).toContain(reason instanceof Error && 'code' in reason ? reason.code : reason);
    }
  }

  const rows = await db.sql<{ job_id: string }>(
    `SELECT job_id, status, version, rows_of_audit, last_status, open_runs, runs, lease_no, messages
     FROM job
     CROSS JOIN LATERAL (
       SELECT count(*) AS rows_of_audit, (array_agg(to_status ORDER BY version DESC))[1] AS last_status
       FROM audit_event WHERE tenant_id = job.tenant_id AND resource_id = job.job_id
     ) AS audit
     CROSS JOIN LATERAL (
       SELECT count(*) AS runs, count(*) FILTER (WHERE ended_at IS NULL) AS open_runs
       FROM run WHERE tenant_id = job.tenant_id AND job_id = job.job_id
     ) AS runs
     CROSS JOIN LATERAL (
       SELECT count(*) AS messages FROM pgboss.job AS message
       WHERE data ->> 'tenant_id' = job.tenant_id AND data ->> 'job_id' = job.job_id AND state < 'completed'
     ) AS messages
     WHERE NOT (
       rows_of_audit = version AND last_status = status AND runs = lease_no
       AND open_runs = (status = 'running')::integer
       AND (messages = 1 OR status <> 'queued') AND (messages = 0 OR status = 'queued')
     )`,
  );
  expect(rows).toEqual([]);
  // It was a race and not a walk: runs were lost, refused, and ended in every way.
  const ends = await db.sql<{ outcome: string }>(
    'SELECT DISTINCT outcome FROM run WHERE outcome IS NOT NULL',
  );
  expect(ends.map((end) => end.outcome)).toEqual(expect.arrayContaining(['failed', 'interrupted', 'lost']));
});
