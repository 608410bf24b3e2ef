import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Job, Lease, WorkerIdentity } from '#jobs';
import { createLogger, LogThreshold } from '#observability';
import { aJob, aTenant, eventually, JobPrograms, type TestDatabase, testDatabase } from '#testing';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseKeeper } from './lease-keeper.js';

const LEASE_MS = 2_000;
const THREAD = new URL('../../../dist/apps/worker/src/lease-thread.js', import.meta.url);

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;
let keepers: LeaseKeeper[];

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db);
});
beforeEach(() => {
  keepers = [];
});
afterEach(async () => {
  await Promise.all(keepers.map((keeper) => keeper.stop()));
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

function aWorker(): WorkerIdentity {
  return { workerId: randomUUID(), build: 'test', abilities: ['noop'], slots: 1 };
}

function keep({ heartbeatMs = 200, url = db.workerUrl, identity = aWorker() } = {}): LeaseKeeper {
  const settings = {
    url,
    directUrl: url,
    role: 'ss_worker',
    identity,
    leaseMs: LEASE_MS,
    heartbeatMs,
    logThreshold: new LogThreshold('silent').shared,
    logLook: 'json' as const,
  } as const;
  const keeper = new LeaseKeeper(settings, createLogger({ program: 'worker', level: 'silent' }), THREAD);
  keepers.push(keeper);
  keeper.start();
  return keeper;
}

async function running(): Promise<{ job: Job; lease: Lease }> {
  const job = await aJob(db, tenantId, { status: 'running' });
  const lease = { tenantId, jobId: job.job_id, runId: job.run_id!, leaseNo: job.lease_no };
  await db.sql(`UPDATE run SET lease_until = clock_timestamp() + interval '2 seconds' WHERE run_id = $1`, [
    lease.runId,
  ]);
  return { job, lease };
}

async function secondsLeft({ runId }: Lease): Promise<number> {
  const [row] = await db.sql<{ left: number }>(
    'SELECT extract(epoch FROM lease_until - clock_timestamp())::float AS left FROM run WHERE run_id = $1',
    [runId],
  );
  return row!.left;
}

async function isSeen({ workerId }: WorkerIdentity): Promise<boolean> {
  return (await db.sql('SELECT FROM worker WHERE worker_id = $1', [workerId])).length > 0;
}

/** Keeps the only thread of this program from doing anything else. */
function beBusy(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('LeaseKeeper', () => {
  it('renews while the event loop of the program stands still for longer than a lease', async () => {
    const identity = aWorker();
    const keeper = keep({ identity });
    const { lease } = await running();
    const signal = keeper.keep(lease);
    await eventually(() => isSeen(identity), 20_000);
    beBusy(2 * LEASE_MS);
    expect(await secondsLeft(lease)).toBeGreaterThan(0);
    await sleep(0);
    expect(signal.aborted).toBe(false);
    expect(await programs.lost.abandon()).toEqual([]);
  });

  it('tells a run that was cancelled long before the next heartbeat', async () => {
    const identity = aWorker();
    const keeper = keep({ heartbeatMs: 60_000, identity });
    await eventually(() => isSeen(identity), 20_000);
    const { job, lease } = await running();
    const signal = keeper.keep(lease);
    const listens = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%ss_run_ended%'`;
    await eventually(async () => (await db.sql(listens)).length > 0);
    await programs.lifecycle.cancel(programs.client(tenantId), job.job_id, null);
    await eventually(() => signal.aborted, 2_000);
    expect(signal.reason).toBe('cancelled');
  });

  it('tells a run whose lease somebody took, and renews the others', async () => {
    const identity = aWorker();
    const keeper = keep({ identity });
    await eventually(() => isSeen(identity), 20_000);
    const [mine, taken] = [await running(), await running()];
    const signals = [keeper.keep(mine.lease), keeper.keep(taken.lease)];
    await db.sql(`UPDATE run SET ended_at = clock_timestamp(), outcome = 'lost' WHERE run_id = $1`, [
      taken.lease.runId,
    ]);
    await eventually(() => signals[1]!.aborted);
    expect(signals[1]!.reason).toBe('lease_lost');
    expect(signals[0]!.aborted).toBe(false);
    expect(await secondsLeft(mine.lease)).toBeGreaterThan(1);
  });

  it('ends a run whose lease cannot be renewed, when it may be taken, and not before', async () => {
    // Nobody listens on port 1.
    const keeper = keep({ url: 'postgresql://nobody@127.0.0.1:1/none' });
    const { lease } = await running();
    const keptAt = performance.now();
    const signal = keeper.keep(lease);
    await eventually(() => signal.aborted, LEASE_MS + 3_000);
    expect(signal.reason).toBe('lease_expired');
    expect(performance.now() - keptAt).toBeGreaterThanOrEqual(LEASE_MS);
  });

  it('says when the worker has stopped', async () => {
    const identity = aWorker();
    const keeper = keep({ identity });
    await eventually(() => isSeen(identity), 20_000);
    await keeper.stop();
    const [row] = await db.sql('SELECT stopped_at FROM worker WHERE worker_id = $1', [identity.workerId]);
    expect(row).toEqual({ stopped_at: expect.anything() });
  });
});
