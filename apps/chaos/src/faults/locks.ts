import type { Fault } from '../fault.js';
import { USUAL_LOAD } from '../load/load.js';
import type { Trial } from '../trial.js';

const HOLD_ROWS = `
  SELECT FROM job WHERE status IN ('queued', 'running', 'confirmed') ORDER BY updated_at DESC LIMIT 100 FOR UPDATE`;
/** A write waits for a lock no longer than the API's bounds, and then is answered. */
const ANSWERED_MS = 20_000;

export const heldLocks: Fault = {
  number: 11,
  name: 'others hold locks',
  does:
    'another session locks up to 100 waiting and running jobs for 8 s; locks the whole table against writes for 10 s; and ' +
    'waits 3 s for the lock of an ALTER TABLE behind an open transaction, under load',
  holds:
    'callers are answered (503 or 409) in bounded time; other jobs go on; the ALTER TABLE gives up by lock_timeout',
  recovery: 'from the release until a job sent then is done',
  recoveryLimitMs: 12_000,
  load: USUAL_LOAD,
  limitSeconds: 150,
  isInShortForm: false,
  conduct: async (trial) => {
    const from = trial.log.length;
    await hold(trial, HOLD_ROWS, 8_000);
    await hold(trial, 'LOCK TABLE job IN SHARE MODE', 10_000);
    await waitBehind(trial);
    const slow = trial.log.since(from).filter(({ ms }) => ms > ANSWERED_MS);
    trial.expect(slow.length === 0, `${slow.length} calls took longer than ${ANSWERED_MS / 1_000} s`);
  },
};

async function hold(trial: Trial, statement: string, ms: number): Promise<void> {
  const session = await trial.deployment.server.session();
  try {
    await session.query('BEGIN');
    const { rowCount } = await session.query(statement);
    trial.count('rows locked', rowCount ?? 0);
    await trial.pause(ms);
    await session.query('ROLLBACK');
  } finally {
    await session.end();
  }
  await trial.recovers();
}

/** A migration that waits for its lock makes everybody wait who comes after it: until it gives up. */
async function waitBehind(trial: Trial): Promise<void> {
  const [reader, migration] = await Promise.all([
    trial.deployment.server.session(),
    trial.deployment.server.session(),
  ]);
  try {
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM job');
    await migration.query(`SET lock_timeout = '3s'`);
    const outcome = await migration.query('ALTER TABLE job ADD COLUMN chaos integer').then(
      () => 'done',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : 'unknown'),
    );
    trial.expect(
      outcome === '55P03',
      `an ALTER TABLE that cannot have its lock ended with ${String(outcome)}`,
    );
    trial.count('ALTER TABLE that gave up');
    await reader.query('ROLLBACK');
  } finally {
    await Promise.all([reader.end(), migration.end()]);
  }
  await trial.recovers();
}
