import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { JobPrograms, lifecycleCommands, Real, type TestDatabase, testDatabase } from '#testing';
import fc from 'fast-check';
import { findViolations } from './invariants/invariant.js';
import { INVARIANTS } from './invariants/invariants.js';

/**
 * Sequences of whatever clients, workers, sweeps and the clock may do, against the real database and a model of plain
 * fields. After each command the table must say what the model says; at the end of each sequence the invariants hold.
 *
 * SS_MODEL_RUNS=2000 SS_MODEL_SEED=7 npm test -- integration -- model   looks longer, or elsewhere. A failure prints
 * the shortest sequence that still fails, with the seed and the path that repeat it.
 */
const RUNS = Number(process.env['SS_MODEL_RUNS'] ?? 30);
const SEED = Number(process.env['SS_MODEL_SEED'] ?? 20_261_123);
const LIMIT_MS = Math.max(60_000, RUNS * 3_000);

/** Time passes only by commands, so nothing mends itself; leases that ran out wait for the command that sweeps. */
const GRACE = { quietSeconds: 0, sweepSeconds: 3_600 };

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

async function expectInvariants(): Promise<void> {
  for (const invariant of INVARIANTS) {
    const { rows } = await findViolations((text, values) => db.sql(text, [...values]), invariant, GRACE);
    expect({ [invariant.id]: rows }).toEqual({ [invariant.id]: [] });
  }
}

it(
  'whatever is done in whatever order, the tables say what the model says, and the invariants hold',
  async () => {
    const endings = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.commands(lifecycleCommands, { maxCommands: 60, size: 'max' }), async (commands) => {
        const real = await Real.fresh(db, programs);
        await fc.asyncModelRun(() => ({ model: { jobs: [] }, real }), commands);
        await expectInvariants();
        const rows = await db.sql<{ ending: string }>(
          'SELECT DISTINCT outcome AS ending FROM run WHERE outcome IS NOT NULL UNION SELECT status FROM job',
        );
        for (const { ending } of rows) endings.add(ending);
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: false },
    );
    // The sequences went everywhere: else the model would prove little.
    expect([...endings].sort()).toEqual(
      [
        ...['cancelled', 'confirmed', 'created', 'draft_ready', 'failed', 'interrupted', 'lost', 'queued'],
        ...['running', 'succeeded', 'timed_out'],
      ].sort(),
    );
  },
  LIMIT_MS,
);
