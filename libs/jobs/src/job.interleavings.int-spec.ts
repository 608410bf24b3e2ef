import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newTraceId } from '#observability';
import {
  aTenant,
  everyOrder,
  JobPrograms,
  NOOP_PLAN,
  SessionUnderTest,
  type TestDatabase,
  testDatabase,
  timePasses,
  type Work,
} from '#testing';
import { findViolations } from './invariants/invariant.js';
import { INVARIANTS } from './invariants/invariants.js';
import type { Job } from './job.js';
import type { ClaimedRun } from './run.js';

/**
 * Two or three sessions at one job, each carrying out a real method on a connection of its own, in every order in which
 * their statements and commits can follow each other (see `everyOrder`). What came of it is one line: the answer that
 * each session got, where the job stands, how its runs ended. Only the lines below may come up; the job, its runs, its
 * message and its audit must agree after each order, and the invariants must hold at the end.
 *
 * There are 24 to 100 orders of two sessions. `npm test` tries the first eight of each pair, those that part soonest;
 * SS_INTERLEAVINGS=all tries every one, tells their numbers, and then each line below must come up as well.
 */
const ALL = process.env['SS_INTERLEAVINGS'] === 'all';
const AT_MOST = ALL ? Infinity : 8;

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;
let sessions: SessionUnderTest[];

beforeAll(async () => {
  db = await testDatabase();
  // A deadlock is noticed sooner than the second that it takes by default.
  await db.sql(`ALTER DATABASE ${db.name} SET deadlock_timeout = '30ms'`);
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db);
  sessions = ['A', 'B', 'C'].map((name) => new SessionUnderTest(name, db, programs));
});
afterAll(async () => {
  await Promise.all(sessions.map((session) => session.close()));
  await programs.stop();
  await db.drop();
});

const scope = () => programs.client(tenantId);
const error = { code: 'STEP_FAILED', message: 'no' };

interface Subject {
  job: Job;
  /** Its run, when it runs. */
  run: ClaimedRun;
}

type Start = () => Promise<Subject>;
type Act = (subject: Subject) => Work;

async function queued(): Promise<Subject> {
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const request = { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true, expiresAt };
  const { job } = await programs.lifecycle.create(scope(), request, null);
  return {
    job,
    run: {
      tenantId,
      jobId: job.job_id,
      runId: '',
      leaseNo: 0,
      attempt: 0,
      traceId: '',
      trace: { trace_id: '' },
    },
  };
}

async function expired(): Promise<Subject> {
  const subject = await queued();
  await timePasses(db, subject.job, 'expires_at');
  return subject;
}

async function running(): Promise<Subject> {
  const { job } = await queued();
  const [run] = await programs.runs.claim(programs.workerIdentity, 1);
  return { job, run: run! };
}

/** Its worker is late: a sweep may take the run, the worker may still be there. */
async function late(): Promise<Subject> {
  const subject = await running();
  await db.sql('UPDATE run SET lease_until = clock_timestamp() WHERE run_id = $1', [subject.run.runId]);
  return subject;
}

async function failed(): Promise<Subject> {
  const subject = await running();
  await programs.runs.settle(subject.run, { outcome: 'failed', error, retryAfterMs: null });
  return subject;
}

const acts = {
  claim: () => (parts) => parts.runs.claim(programs.workerIdentity, 1),
  cancel:
    ({ job }) =>
    (parts) =>
      parts.lifecycle.cancel(scope(), job.job_id, null),
  retry:
    ({ job }) =>
    (parts) =>
      parts.lifecycle.retry(scope(), job.job_id, null),
  succeed:
    ({ run }) =>
    (parts) =>
      parts.runs.settle(run, { outcome: 'succeeded' }),
  fail:
    ({ run }) =>
    (parts) =>
      parts.runs.settle(run, { outcome: 'failed', error, retryAfterMs: null }),
  tryAgain:
    ({ run }) =>
    (parts) =>
      parts.runs.settle(run, { outcome: 'failed', error, retryAfterMs: 0 }),
  giveBack:
    ({ run }) =>
    (parts) =>
      parts.runs.settle(run, { outcome: 'interrupted' }),
  beginStep:
    ({ run }) =>
    (parts) =>
      parts.runs.beginStep(run, { stepId: 's1', position: 1, type: 'noop' }),
  beat:
    ({ run }) =>
    (parts) =>
      parts.workers.beat(programs.workerIdentity, [run]),
  sweep: () => (parts) => parts.lost.abandon(),
  expire: () => (parts) => parts.lost.expire(),
} as const satisfies Record<string, Act>;

const AFTERWARDS = `
  SELECT status, attempts, lost_runs,
    (SELECT string_agg(coalesce(outcome, 'open'), ' ' ORDER BY lease_no) FROM run
     WHERE run.tenant_id = job.tenant_id AND run.job_id = job.job_id) AS runs,
    (SELECT count(*) FROM audit_event AS event
     WHERE event.tenant_id = job.tenant_id AND event.resource_id = job.job_id) = version AS is_audited,
    (SELECT count(*) FROM pgboss.job AS message
     WHERE message.data ->> 'job_id' = job.job_id AND message.state < 'completed')::integer AS messages,
    (SELECT count(*) FROM run_step AS step
     JOIN run ON run.run_id = step.run_id
     WHERE step.job_id = job.job_id AND step.outcome IS DISTINCT FROM run.outcome) = 0 AS steps_agree
  FROM job
  WHERE tenant_id = $1 AND job_id = $2`;

interface Afterwards extends Record<string, unknown> {
  status: string;
  attempts: number;
  lost_runs: number;
  runs: string | null;
  is_audited: boolean;
  messages: number;
  steps_agree: boolean;
}

/** Tries every order; answers each result that came up, with the first order that led to it. */
async function results(start: Start, names: readonly (keyof typeof acts)[]): Promise<string[]> {
  const seen = new Map<string, string>();
  let subject: Subject;
  const taking = sessions.slice(0, names.length);
  const before = await deadlocks();
  const orders = await everyOrder(
    db,
    taking,
    async () => {
      subject = await start();
      return names.map((name) => acts[name](subject));
    },
    async (order) => {
      const [row] = await db.sql<Afterwards>(AFTERWARDS, [tenantId, subject.job.job_id]);
      const { status, attempts, lost_runs, runs, is_audited, messages, steps_agree } = row!;
      // A message too many for a job that has ended is dropped unread; one too few would lose the job.
      const agree = is_audited && steps_agree && (status === 'queued' ? messages === 1 : true);
      const answers = names.map((name, n) => `${name} ${taking[n]!.answer}`).join(', ');
      const counts = `${attempts > 0 ? ` attempts ${String(attempts)}` : ''}${lost_runs > 0 ? ` lost ${String(lost_runs)}` : ''}`;
      const stray = status !== 'queued' && messages > 0 ? ' with a message' : '';
      const result = `${answers} → ${status}${counts}; runs: ${runs ?? 'none'}${stray}${agree ? '' : ' DISAGREE'}`;
      if (!seen.has(result)) seen.set(result, order);
      await rest(subject.job);
    },
    AT_MOST,
  );
  if (ALL) {
    const facts = { names, orders, deadlocks: (await deadlocks()) - before, seen: Object.fromEntries(seen) };
    process.stderr.write(`${JSON.stringify(facts, null, 1)}\n`);
  }
  return [...seen.keys()].sort();
}

async function deadlocks(): Promise<number> {
  const [row] = await db.sql<{ deadlocks: number }>(
    `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`,
  );
  return row!.deadlocks;
}

/** So that nobody finds the job in the next order. */
async function rest(job: Job): Promise<void> {
  await programs.lifecycle.cancel(scope(), job.job_id, null).catch(() => undefined);
  await db.sql(`DELETE FROM pgboss.job WHERE data ->> 'job_id' = $1`, [job.job_id]);
}

const cases: [start: Start, names: (keyof typeof acts)[], allowed: string[]][] = [
  [
    queued,
    ['claim', 'cancel'],
    ['claim ok, cancel ok → cancelled; runs: cancelled', 'claim ok, cancel ok → cancelled; runs: none'],
  ],
  [queued, ['claim', 'claim'], ['claim ok, claim ok → running; runs: open']],
  [expired, ['claim', 'expire'], ['claim ok, expire ok → failed; runs: none']],
  [
    expired,
    ['cancel', 'expire'],
    [
      'cancel ok, expire ok → cancelled; runs: none',
      'cancel JOB_ILLEGAL_TRANSITION, expire ok → failed; runs: none',
    ],
  ],
  [
    running,
    ['succeed', 'cancel'],
    [
      'succeed ok, cancel JOB_ILLEGAL_TRANSITION → succeeded; runs: succeeded',
      'succeed STALE_LEASE, cancel ok → cancelled; runs: cancelled',
    ],
  ],
  [
    running,
    ['tryAgain', 'cancel'],
    [
      'tryAgain ok, cancel ok → cancelled attempts 1; runs: failed',
      'tryAgain STALE_LEASE, cancel ok → cancelled; runs: cancelled',
    ],
  ],
  [
    running,
    ['beginStep', 'cancel'],
    [
      'beginStep ok, cancel ok → cancelled; runs: cancelled',
      'beginStep STALE_LEASE, cancel ok → cancelled; runs: cancelled',
    ],
  ],
  [
    running,
    ['succeed', 'fail'],
    [
      'succeed ok, fail STALE_LEASE → succeeded; runs: succeeded',
      'succeed STALE_LEASE, fail ok → failed attempts 1; runs: failed',
    ],
  ],
  [
    running,
    ['giveBack', 'claim'],
    [
      'giveBack ok, claim ok → running; runs: interrupted open',
      'giveBack ok, claim ok → queued; runs: interrupted',
    ],
  ],
  [
    late,
    ['succeed', 'sweep'],
    [
      'succeed ok, sweep ok → succeeded; runs: succeeded',
      'succeed STALE_LEASE, sweep ok → queued lost 1; runs: lost',
    ],
  ],
  [
    late,
    ['beginStep', 'sweep'],
    [
      'beginStep ok, sweep ok → queued lost 1; runs: lost',
      'beginStep STALE_LEASE, sweep ok → queued lost 1; runs: lost',
      // The sweep passes over a run that its worker is writing to; the next one looks again.
      'beginStep ok, sweep ok → running; runs: open',
    ],
  ],
  [
    late,
    ['beat', 'sweep'],
    ['beat ok, sweep ok → running; runs: open', 'beat ok, sweep ok → queued lost 1; runs: lost'],
  ],
  [
    late,
    ['cancel', 'sweep'],
    [
      'cancel ok, sweep ok → cancelled; runs: cancelled',
      'cancel ok, sweep ok → cancelled lost 1; runs: lost',
    ],
  ],
  [late, ['sweep', 'sweep'], ['sweep ok, sweep ok → queued lost 1; runs: lost']],
  [
    failed,
    ['retry', 'retry'],
    [
      'retry ok, retry JOB_ILLEGAL_TRANSITION → queued; runs: failed',
      'retry JOB_ILLEGAL_TRANSITION, retry ok → queued; runs: failed',
    ],
  ],
  [
    failed,
    ['retry', 'cancel'],
    [
      'retry ok, cancel ok → cancelled; runs: failed',
      'retry ok, cancel JOB_ILLEGAL_TRANSITION → queued; runs: failed',
    ],
  ],
  [
    failed,
    ['retry', 'claim'],
    ['retry ok, claim ok → running; runs: failed open', 'retry ok, claim ok → queued; runs: failed'],
  ],
  [
    late,
    ['succeed', 'cancel', 'sweep'],
    [
      'succeed ok, cancel JOB_ILLEGAL_TRANSITION, sweep ok → succeeded; runs: succeeded',
      'succeed STALE_LEASE, cancel ok, sweep ok → cancelled lost 1; runs: lost',
      'succeed STALE_LEASE, cancel ok, sweep ok → cancelled; runs: cancelled',
    ],
  ],
];

describe('in every order of their statements', () => {
  it.each(
    cases.map(([start, names, allowed]) => ({
      start,
      names,
      allowed,
      title: `${start.name}: ${names.join(' × ')}`,
    })),
  )(
    '$title',
    async ({ start, names, allowed }) => {
      const seen = await results(start, names);
      expect(allowed).toEqual(expect.arrayContaining(seen));
      if (ALL) expect(seen).toEqual([...allowed].sort());
    },
    ALL ? 900_000 : 60_000,
  );

  it('and the invariants hold afterwards', async () => {
    for (const invariant of INVARIANTS) {
      const grace = { quietSeconds: 0, sweepSeconds: 0 };
      const { rows } = await findViolations((text, values) => db.sql(text, [...values]), invariant, grace);
      expect({ [invariant.id]: rows }).toEqual({ [invariant.id]: [] });
    }
  });
});
