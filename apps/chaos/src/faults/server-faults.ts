import type { Fault } from '../fault.js';
import { USUAL_LOAD } from '../load/load.js';
import type { Trial } from '../trial.js';

/** Claims are to resume within 5 s; the rest is the job itself, on a machine that has just replayed its log. */
const RESUMED_MS = 6_000;

async function downAndUp(trial: Trial, end: () => Promise<void>): Promise<void> {
  await trial.pause(2_000, 6_000);
  await end();
  await trial.pause(0, 2_000);
  await trial.deployment.server.start();
  await trial.recovers();
}

export const crashServer: Fault = {
  number: 6,
  name: 'the database crashes',
  does: 'pg_ctl stop -m immediate and start again after 0 to 2 s, every 2 to 6 s, under load',
  holds: 'P1: whatever was acknowledged is there; no program ends; no job fails for it',
  recovery: 'from the moment the server answers until a job sent then is done',
  recoveryLimitMs: RESUMED_MS,
  load: USUAL_LOAD,
  limitSeconds: 240,
  isInShortForm: true,
  conduct: async (trial) => {
    for (let round = 0; round < trial.times(7); round += 1) {
      await downAndUp(trial, () => trial.deployment.server.crash());
      trial.count('crashes');
    }
  },
};

export const restartServer: Fault = {
  number: 7,
  name: 'the database is restarted',
  does: 'pg_ctl stop -m fast and start again after 0 to 2 s, at random, under load',
  holds: 'as for a crash',
  recovery: crashServer.recovery,
  recoveryLimitMs: RESUMED_MS,
  load: USUAL_LOAD,
  limitSeconds: 240,
  isInShortForm: false,
  conduct: async (trial) => {
    for (let round = 0; round < trial.times(5); round += 1) {
      await downAndUp(trial, () => trial.deployment.server.stop());
      trial.count('restarts');
    }
  },
};

const TERMINATE_ONE = `
  SELECT pg_terminate_backend(pid)
  FROM pg_stat_activity
  WHERE application_name LIKE 'ss-%'
  ORDER BY md5(pid::text || $1)
  LIMIT 1`;

export const killBackends: Fault = {
  number: 8,
  name: 'connections are ended by the database',
  does: 'pg_terminate_backend of one SS connection after the other, 5 a second, those that listen too, under load',
  holds: 'no unhandled rejection; programs connect again; wake-ups come again',
  recovery: 'from the last ended connection until a job sent then is done',
  recoveryLimitMs: RESUMED_MS,
  load: USUAL_LOAD,
  limitSeconds: 120,
  isInShortForm: true,
  conduct: async (trial) => {
    await trial.repeat(30, async () => {
      await trial.pause(150, 250);
      await trial.deployment.server.sql(TERMINATE_ONE, [String(trial.random.next())]);
      trial.count('connections ended');
    });
    await trial.recovers();
  },
};
