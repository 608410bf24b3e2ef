import { WORKER_NAMES } from '../deployment/deployment.js';
import { DEFAULT_LEASES, WORKERS } from '../deployment/settings.js';
import type { Fault } from '../fault.js';
import { USUAL_LOAD } from '../load/load.js';
import { sleepPlan } from '../load/job-kinds.js';
import { within } from '../waiting.js';
import type { Trial } from '../trial.js';

/** Lease (6 s), sweep (2 s), and what a busy machine adds. */
const REPLACED_MS = 15_000;

export const killWorkers: Fault = {
  number: 1,
  name: 'workers are killed',
  does: 'kill -9 of one worker after the other, 0.2 to 2 s apart, each started anew, under load',
  holds: 'every run of a killed worker is closed as lost, and its job is run again at no attempt’s cost',
  recovery: 'from the kill until the lost job is claimed again (lease 6 s, sweep 2 s)',
  recoveryLimitMs: REPLACED_MS,
  load: USUAL_LOAD,
  limitSeconds: 120,
  isInShortForm: true,
  conduct: async (trial) => {
    await trial.repeat(40, async () => {
      await trial.pause(200, 2_000);
      await killAndReplace(trial, trial.random.whole(0, WORKERS - 1));
    });
  },
};

async function killAndReplace(trial: Trial, index: number): Promise<void> {
  trial.killWorker(index);
  await trial.deployment.worker(index).ended;
  await trial.deployment.startWorker(index);
}

export const killWithDefaults: Fault = {
  number: 1,
  variant: 'default leases',
  name: 'a worker is killed, under the default settings',
  does: 'kill -9 of a worker with running jobs, which is not started again; lease 30 s, heartbeat 10 s, sweep 10 s',
  holds: 'P8: other workers take its jobs up within 45 s',
  recovery: 'from the kill until each lost job is claimed again',
  recoveryLimitMs: 45_000,
  load: null,
  settings: DEFAULT_LEASES,
  limitSeconds: 120,
  isInShortForm: false,
  conduct: async (trial) => {
    const { load, deployment } = trial;
    const kind = { name: 'long', ends: ['succeeded'], isHeavy: true, plan: () => sleepPlan(6_000) } as const;
    await Promise.all(Array.from({ length: 6 }, () => load.submit(kind)));
    const { workerId } = deployment.worker(0);
    const holds = `SELECT count(*)::integer AS n FROM run WHERE worker_id = $1 AND ended_at IS NULL`;
    const isBusy = await within(20_000, async () => {
      const [row] = await deployment.server.sql<{ n: number }>(holds, [workerId]);
      return (row?.n ?? 0) > 0;
    });
    trial.expect(isBusy !== null, 'the worker that was to be killed never had a job');
    trial.killWorker(0);
    const lost = `SELECT count(*)::integer AS n FROM run WHERE worker_id = $1 AND outcome IS NULL`;
    await within(60_000, async () => {
      const [row] = await deployment.server.sql<{ n: number }>(lost, [workerId]);
      return row?.n === 0;
    });
  },
};

/** The settlement of a run, as a worker sends it. */
const SETTLEMENT = /UPDATE job\s+SET status = \$5/;

export const killAtSettle: Fault = {
  number: 2,
  name: 'a worker is killed between its work and its settlement',
  does: 'the network sees a settlement pass and kills the worker at that moment; by chance the statement still arrives',
  holds: 'P4: the settlement is there whole or not at all; the job ends once',
  recovery: 'from the kill until the job is claimed again, where the settlement was lost',
  recoveryLimitMs: REPLACED_MS,
  load: USUAL_LOAD,
  limitSeconds: 150,
  isInShortForm: true,
  conduct: async (trial) => {
    for (let round = 0; round < trial.times(12); round += 1) {
      await trial.pause(200, 1_500);
      const arrives = trial.random.chance(0.5);
      const killed = await killFirstToSettle(trial, arrives);
      trial.count(
        killed === null
          ? 'rounds without a settlement'
          : arrives
            ? 'settlements that arrived'
            : 'settlements cut off',
      );
      if (killed !== null) await trial.deployment.worker(killed).ended;
      await trial.deployment.startAll();
    }
  },
};

/** Answers which worker was killed; null when none settled anything. */
async function killFirstToSettle(trial: Trial, arrives: boolean): Promise<number | null> {
  const killed = Promise.withResolvers<number>();
  let isDone = false;
  const stops = WORKER_NAMES.map((name, index) =>
    trial.deployment.network(name).onStatement(SETTLEMENT, () => {
      if (isDone) return 'pass';
      isDone = true;
      trial.killWorker(index);
      killed.resolve(index);
      return arrives ? 'pass' : 'cut';
    }),
  );
  try {
    return await Promise.race([killed.promise, trial.pause(15_000).then(() => null)]);
  } finally {
    for (const stop of stops) stop();
  }
}
