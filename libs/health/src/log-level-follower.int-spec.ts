import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Scope, Tx } from '#database';
import { type LogLevel, LogThreshold } from '#observability';
import { eventually, HeardLog, type TestDatabase, testDatabase } from '#testing';
import { LogLevelFollower } from './log-level-follower.js';
import { LogLevels } from './log-levels.js';

const WORKER_ID = '0190b3c4-0000-7000-8000-000000000001';
const operator: Scope = { actor: { kind: 'operator', id: 'ann' }, source: 'test' };
const worker: Scope = { actor: { kind: 'worker', id: WORKER_ID }, source: 'worker' };
const levels = new LogLevels();

let db: TestDatabase;
let log: HeardLog;
let threshold: LogThreshold;
let follower: LogLevelFollower;

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(async () => {
  await db.drop();
});
beforeEach(() => {
  log = new HeardLog();
  threshold = new LogThreshold('info');
});
afterEach(async () => {
  await follower.stop();
  await db.sql('DELETE FROM log_level');
});

/** Never polls within the test, unless told to: what it sees it was told. */
function follow(pollMs = 60_000): void {
  const targets = [WORKER_ID, 'worker'];
  const database = db.database('ss_worker');
  follower = new LogLevelFollower({
    database,
    scope: worker,
    targets,
    threshold,
    logger: log.logger,
    pollMs,
  });
  follower.start();
}
const asOperator = (work: (tx: Tx) => Promise<unknown>): Promise<unknown> =>
  db.database('ss_operator').withoutTenant(operator, work);
const set = (target: string, level: LogLevel, seconds = 600): Promise<unknown> =>
  asOperator((tx) => levels.set(tx, { target, level, reason: 'looking for a fault', seconds }));
const becomes = (level: LogLevel, limitMs = 3_000): Promise<unknown> =>
  eventually(() => threshold.level === level, limitMs);
/** The follower listens, and has heard what held before. */
const isListening = (): Promise<unknown> =>
  eventually(
    async () =>
      (
        await db.sql(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'`,
        )
      ).length > 0,
  );

it('hears of a level at once, takes its own before that of its program, and says what it does', async () => {
  follow();
  await isListening();
  await set('worker', 'debug');
  await becomes('debug');
  await set(WORKER_ID, 'error');
  await becomes('error');
  // Of another program: none of its business.
  await set('api', 'trace');
  await asOperator((tx) => levels.end(tx, WORKER_ID));
  await becomes('debug');
  await asOperator((tx) => levels.end(tx, 'worker'));
  await becomes('info');
  expect(log.lines('SS_LOG_LEVEL_CHANGED').map((line) => line['log_level'])).toEqual([
    ...['debug', 'error', 'debug', 'info'],
  ]);
});

it('finds what holds when it starts, and lets it end by itself', async () => {
  await set('worker', 'trace', 1);
  follow();
  await becomes('trace');
  await becomes('info');
  expect(log.lines('SS_LOG_LEVEL_CHANGED')).toMatchObject([
    { log_level: 'trace', ends_at: expect.stringMatching(/Z$/) },
    { log_level: 'info', ends_at: null },
  ]);
});

it('finds at its next look what nobody told it of', async () => {
  follow(50);
  await eventually(() => threshold.level === 'info');
  await db.sql(
    `INSERT INTO log_level (target, level, reason, set_by, ends_at) VALUES ('worker', 'warn', 'r', 'b', now() + interval '1 h')`,
  );
  await becomes('warn');
});

it('goes back to what is configured when the time is over, though the database does not answer', async () => {
  await set('worker', 'debug', 1);
  follow();
  await becomes('debug');
  await db.sql('ALTER TABLE log_level RENAME TO log_level_elsewhere');
  try {
    await becomes('info');
    expect(log.lines('SS_LOG_LEVEL_UNKNOWN')).toHaveLength(1);
  } finally {
    await db.sql('ALTER TABLE log_level_elsewhere RENAME TO log_level');
  }
});

it('is for operators to set: programs may only read', async () => {
  follow();
  for (const role of ['ss_api', 'ss_worker'] as const) {
    const session = await db.session(role);
    expect(await session.refusal(`DELETE FROM log_level`)).toMatchObject({ code: '42501' });
    await session.end();
  }
});
