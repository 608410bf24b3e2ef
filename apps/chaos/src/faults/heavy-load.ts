import { readFile } from 'node:fs/promises';
import { WORKER_NAMES } from '../deployment/deployment.js';
import type { Fault } from '../fault.js';
import { type End, noopPlan } from '../load/job-kinds.js';
import { USUAL_LOAD } from '../load/load.js';
import type { Trial } from '../trial.js';

type Poison = readonly [name: string, end: End, step: object];

/** Plans that harm whoever carries them out, and how each has to end. */
const POISONS: readonly Poison[] = [
  ['kills its worker', 'failed POISON_JOB', command('poison')],
  ['takes all memory', 'failed COMMAND_FAILED', command('hungry')],
  ['never ends', 'failed STEP_TIMED_OUT', { ...command('sleep', '600000'), timeout_seconds: 2 }],
  ['spins and ignores SIGTERM', 'failed STEP_TIMED_OUT', { ...command('spin'), timeout_seconds: 2 }],
  ['prints 64 MB and exits 1', 'failed COMMAND_FAILED', command('flood')],
  [
    'asks for an endless result',
    'failed STEP_TIMED_OUT',
    {
      ...sql('SELECT sum(a.range * b.range % 7) AS n FROM range(10000000) AS a, range(100000000) AS b'),
      timeout_seconds: 2,
    },
  ],
  ['is no SQL', 'failed SQL_FAILED', sql('SELECT FROM WHERE')],
];

function command(profile: string, ...args: readonly string[]): object {
  return { step_id: 'harm', type: 'command', params: { profile, args } };
}

function sql(text: string): object {
  return { step_id: 'harm', type: 'sql', params: { sql: text } };
}

export const poisonJobs: Fault = {
  number: 19,
  name: 'poison jobs',
  does: `steps that ${POISONS.map(([name]) => name).join(', ')}; a worker that dies is started again`,
  holds:
    'each ends failed with the right code, the killer as POISON_JOB after 3 lost runs; other jobs go on; a worker dies only where it was killed',
  recovery: 'from the kill until the killer’s job is claimed again; a job among them is done meanwhile',
  recoveryLimitMs: 25_000,
  load: { ...USUAL_LOAD, clients: 3, kinds: ['noop', 'sql', 'sleep'] },
  settings: { SS_WORKER_MAX_LOST_RUNS: '3' },
  limitSeconds: 240,
  isInShortForm: false,
  conduct: async (trial) => {
    const guard = new AbortController();
    const guarding = respawn(trial, guard.signal);
    const carryOut = async ([name, end, step]: Poison): Promise<void> => {
      const plan = { plan_version: 2, steps: [step] };
      const job = await trial.load.submit({ name, ends: [end], isHeavy: true, plan: () => plan });
      const path = `/v1/jobs/${String(job.jobId)}`;
      const seen = await untilEnded(trial, path, job.tenantId);
      trial.count(`${name}: ${seen}`);
    };
    const [killer, ...others] = POISONS;
    // First and alone: whoever runs long beside it every time may be taken for the killer, and rightly so.
    if (killer) await carryOut(killer);
    await trial.many(others, 4, carryOut);
    guard.abort();
    await guarding;
  },
};

async function untilEnded(trial: Trial, path: string, tenantId: string): Promise<string> {
  const client = trial.clients.find(({ tenant }) => tenant.tenantId === tenantId);
  for (let look = 0; look < 30; look += 1) {
    const answer = await client?.send({
      method: 'GET',
      path,
      operation: 'read',
      headers: { prefer: 'wait=5' },
    });
    const status = String(answer?.body['status']);
    if (['succeeded', 'failed', 'cancelled'].includes(status)) return status;
  }
  return 'never ended';
}

/** What a supervisor does: whoever dies is started again. */
async function respawn(trial: Trial, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const [index] of WORKER_NAMES.entries()) {
      const worker = trial.deployment.worker(index);
      if (worker.end?.signal !== 'SIGKILL') continue;
      worker.isAsked = true;
      trial.kills.push({ workerId: worker.workerId, at: Date.now() });
      trial.count('workers killed by a job');
      await trial.deployment.startWorker(index);
    }
    await trial.pause(100);
  }
}

export const stampede: Fault = {
  number: 22,
  name: 'a stampede',
  does: '2,000 submits at once on an API with a pool of 8 connections, then all of them wait to be run',
  holds:
    '201, 429 or 503 and nothing else; what was acknowledged is done; connections stay below max_connections; memory comes back',
  recovery: 'from the last answer until a job sent then (before all that wait) is done',
  recoveryLimitMs: 15_000,
  load: null,
  limitSeconds: 240,
  isInShortForm: false,
  conduct: async (trial) => {
    const before = await rssMib(trial.deployment.api.pid);
    const submits = Array.from({ length: trial.times(2_000, 300) }, (_, index) => index);
    const kind = { name: 'stampede', ends: ['succeeded'], isHeavy: false, plan: () => noopPlan() } as const;
    const from = trial.log.length;
    let most = 0;
    const watching = new AbortController();
    const watch = (async () => {
      while (!watching.signal.aborted) {
        const [row] = await trial.deployment.server.sql<{ n: number }>(
          `SELECT count(*)::integer AS n FROM pg_stat_activity WHERE application_name LIKE 'ss-%'`,
        );
        most = Math.max(most, row?.n ?? 0);
        await trial.pause(200);
      }
    })();
    await Promise.all(submits.map(() => trial.load.submit(kind)));
    watching.abort();
    await watch;
    await trial.recovers();
    const times = trial.log
      .since(from)
      .filter(({ status }) => status === 201)
      .map(({ ms }) => ms)
      .sort((a, b) => a - b);
    trial.count('submits', submits.length);
    trial.count('p99 of the accepted, ms', times[Math.floor(times.length * 0.99)] ?? 0);
    trial.count('most connections', most);
    trial.count('memory of the API before, MiB', before);
    trial.count('memory of the API after, MiB', await rssMib(trial.deployment.api.pid));
    // Three workers and the API with 8 each, their listeners, and the lease threads.
    trial.expect(most <= 48, `${most} connections were open; pools of 8 cannot need so many`);
  },
};

async function rssMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
}
