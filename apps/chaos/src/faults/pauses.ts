import { SETTINGS, WORKERS } from '../deployment/settings.js';
import type { Fault } from '../fault.js';
import { sleepPlan, stubbornPlan } from '../load/job-kinds.js';
import { USUAL_LOAD } from '../load/load.js';
import type { Trial } from '../trial.js';
import { within } from '../waiting.js';

const LEASE_MS = Number(SETTINGS.SS_QUEUE_LEASE_TTL_SECONDS) * 1_000;
const GRACE_MS = Number(SETTINGS.SS_WORKER_SHUTDOWN_GRACE_SECONDS) * 1_000;
/** After the grace: a step that ignores SIGTERM gets 2 s and 1 s more, then settling and closing on a busy machine. */
const ENDING_MS = 8_000;
/** A claim that was on its way when the signal came may still commit. */
const CLAIM_MS = 500;

const OPEN_RUNS = 'SELECT count(*)::integer AS n FROM run WHERE worker_id = $1 AND ended_at IS NULL';

const BUSIEST = `
  SELECT worker_id AS "workerId", count(*)::integer AS runs
  FROM run
  WHERE ended_at IS NULL AND worker_id = ANY ($1::uuid[])
  GROUP BY worker_id
  ORDER BY runs DESC
  LIMIT 1`;

/** Sends jobs that take their time and waits until they run. Answers which worker has most of them. */
async function occupy(trial: Trial, plans: readonly object[]): Promise<{ index: number; held: number }> {
  const { server, workers } = trial.deployment;
  await trial.many(plans, plans.length, (plan) =>
    trial.load.submit(
      { name: 'long', ends: ['succeeded'], isHeavy: true, plan: () => plan },
      { priority: 1 },
    ),
  );
  const ids = workers.map(({ workerId }) => workerId);
  const busiest = await within(20_000, async () => {
    const [row] = await server.sql<{ workerId: string; runs: number }>(BUSIEST, [ids]);
    return row && row.runs * WORKERS >= plans.length ? row : null;
  });
  if (busiest === null) throw new Error('no worker took the jobs that were to keep it busy');
  return { index: ids.indexOf(busiest.workerId), held: busiest.runs };
}

export const freezeWorker: Fault = {
  number: 3,
  name: 'a worker is frozen',
  does: 'SIGSTOP of a worker with running jobs for its lease and 10 s more, then SIGCONT, under load',
  holds: 'its jobs are taken over; what it does then is refused, and it says stale_lease',
  recovery:
    'from the freeze until its jobs are claimed again (lease 6 s, sweep 2 s; rows that it held within a transaction when it ' +
    'was frozen are free only when it goes on, after 16 s, or when the server has ended that, after 30 s)',
  recoveryLimitMs: 25_000,
  load: USUAL_LOAD,
  limitSeconds: 150,
  isInShortForm: false,
  conduct: async (trial) => {
    for (let round = 0; round < trial.times(2, 1); round += 1) {
      const { index, held } = await occupy(
        trial,
        Array.from({ length: 5 }, () => sleepPlan(9_000)),
      );
      const worker = trial.deployment.worker(index);
      const before = worker.log.count('SS_WORKER_STALE_LEASE');
      worker.signal('SIGSTOP');
      trial.kills.push({ workerId: worker.workerId, at: Date.now() });
      await trial.pause(LEASE_MS + 10_000);
      worker.signal('SIGCONT');
      trial.count('freezes');
      trial.count('runs held when frozen', held);
      const noticed = await within(20_000, () => worker.log.count('SS_WORKER_STALE_LEASE') > before);
      trial.expect(noticed !== null, 'the worker did not say stale_lease after it had lost its leases');
    }
  },
};

const LATE_CLAIMS = `
  SELECT count(*)::integer AS n FROM run WHERE worker_id = $1 AND started_at > to_timestamp($2::double precision / 1000)`;
const COUNTED = `
  SELECT count(*)::integer AS n
  FROM run
  JOIN job USING (tenant_id, job_id)
  WHERE run.worker_id = $1 AND run.outcome = 'interrupted' AND job.attempts > 0`;

export const drain: Fault = {
  number: 4,
  name: 'programs are asked to stop',
  does:
    'SIGTERM of a worker with running steps, some of which ignore SIGTERM; every second time said twice; then of the API ' +
    'with requests in flight',
  holds:
    'nothing is claimed after the signal; exit code 0 within grace (4 s) and what killing takes; unfinished runs are ' +
    'interrupted at no attempt’s cost; the API answers what is in flight',
  recovery: 'from the end of the API until a job sent then is done (its start included)',
  recoveryLimitMs: 20_000,
  load: { clients: 4, pauseMs: [100, 400] },
  limitSeconds: 200,
  isInShortForm: true,
  conduct: async (trial) => {
    for (let round = 0; round < trial.times(4, 1); round += 1) {
      await drainWorker(trial, round % 2 === 1);
    }
    await drainApi(trial);
  },
};

async function drainWorker(trial: Trial, isTwice: boolean): Promise<void> {
  const { deployment } = trial;
  const plans = Array.from({ length: 8 }, (_, index) => (index % 3 === 0 ? stubbornPlan : sleepPlan)(6_000));
  const { index, held } = await occupy(trial, plans);
  const worker = deployment.worker(index);
  trial.count('runs held when asked', held);
  const asked = Date.now();
  worker.ask();
  if (isTwice) {
    await trial.pause(300, 600);
    worker.ask();
  }
  await worker.ended;
  const took = Date.now() - asked;
  trial.count(isTwice ? 'drains, asked twice' : 'drains');
  trial.count('slowest drain, ms', Math.max(0, took - (trial.counts['slowest drain, ms'] ?? 0)));
  const limit = (isTwice ? 1_000 : GRACE_MS) + ENDING_MS;
  trial.expect(took <= limit, `a drain took ${took} ms; ${limit} ms are allowed`);
  const [late] = await deployment.server.sql<{ n: number }>(LATE_CLAIMS, [worker.workerId, asked + CLAIM_MS]);
  trial.expect(late?.n === 0, `${String(late?.n)} jobs were claimed after the worker was asked to stop`);
  const [open] = await deployment.server.sql<{ n: number }>(OPEN_RUNS, [worker.workerId]);
  trial.expect(open?.n === 0, `${String(open?.n)} runs of a worker that has drained are still open`);
  const [counted] = await deployment.server.sql<{ n: number }>(COUNTED, [worker.workerId]);
  trial.expect(counted?.n === 0, `${String(counted?.n)} interrupted runs were counted as attempts`);
  await deployment.startAll();
}

async function drainApi(trial: Trial): Promise<void> {
  const { deployment } = trial;
  const long = { name: 'long', ends: ['succeeded'], isHeavy: true, plan: () => sleepPlan(3_000) } as const;
  const job = await trial.load.submit(long);
  const path = `/v1/jobs/${String(job.jobId)}`;
  const waiting = trial.load.clientOf(job).send({
    method: 'GET',
    path,
    operation: 'read',
    headers: { prefer: 'wait=10' },
  });
  await trial.pause(300);
  const end = await deployment.api.stop();
  const { status } = await waiting;
  trial.expect(end.code === 0, `the API ended with ${JSON.stringify(end)}`);
  trial.expect(status === 200, `a request in flight was answered ${String(status)} when the API stopped`);
  trial.count('API drains');
  await deployment.startAll();
  await trial.recovers();
}

export const rollingRestart: Fault = {
  number: 5,
  name: 'a rolling restart',
  does: 'the API and the workers are stopped (SIGTERM) and started one after the other, again and again, under load',
  holds: 'no submit is lost: callers that try again on 503 or a refused connection are all answered',
  recovery: 'from the start of the API until a job sent then is done',
  recoveryLimitMs: 10_000,
  load: USUAL_LOAD,
  // So that most of the time goes into starts and stops, and not into waiting for steps.
  settings: { SS_WORKER_SHUTDOWN_GRACE_SECONDS: '1' },
  limitSeconds: 420,
  isInShortForm: false,
  conduct: async (trial) => {
    for (let round = 0; round < trial.times(12); round += 1) {
      await trial.deployment.api.stop();
      await trial.deployment.startAll();
      await trial.recovers();
      for (let index = 0; index < WORKERS; index += 1) {
        await trial.deployment.worker(index).stop();
        await trial.deployment.startAll();
      }
      trial.count('rounds');
    }
  },
};
