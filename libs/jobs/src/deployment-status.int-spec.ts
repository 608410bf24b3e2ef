import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Scope } from '#database';
import { newTraceId, release } from '#observability';
import { aTenant, JobPrograms, LEASE_MS, NOOP_PLAN, type TestDatabase, testDatabase } from '#testing';
import { randomUUID } from 'node:crypto';
import { DeploymentStatus, type StatusReport } from './deployment-status.js';

const scope: Scope = { actor: { kind: 'operator', id: 'ann' }, source: 'test' };

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db, 'waits');
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const read = (role: 'ss_api' | 'ss_operator' = 'ss_operator', tenants = 10): Promise<StatusReport> =>
  new DeploymentStatus(db.database(role), LEASE_MS).read(scope, { tenants });
const submit = async (tenant = tenantId): Promise<string> => {
  const wanted = { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true };
  return (await programs.lifecycle.create(programs.client(tenant), wanted, null)).job.job_id;
};

it('tells of a deployment in which nothing happens', async () => {
  const status = await read();
  expect(status).toMatchObject({
    release: release(),
    schema: { version: expect.stringMatching(/^2026\d+_/), pending: [], changed: [], unknown: [] },
    queues: [
      { name: 'job.run', waiting: 0, dead: 0, oldest_due_at: null, paused: null },
      { name: 'job.draft', waiting: 0 },
    ],
    ...{ workers: [], waiting_tenants: [], migrations: [] },
    seals: { segment_no: null, sealed_at: null, age_seconds: null },
  });
});

describe.each(['ss_api', 'ss_operator'] as const)('with the rights of %s', (role) => {
  it('names workers, what they run, and who waits, the longest first', async () => {
    const later = await aTenant(db, `later-${role}`);
    const running = await submit();
    const [run] = await programs.runs.claim(programs.workerIdentity, 1);
    await programs.workers.beat(programs.workerIdentity, [run!]);
    await submit();
    await submit(later);
    const status = await read(role);
    expect(status.workers).toMatchObject([
      {
        ...{
          worker_id: programs.workerIdentity.workerId,
          build: 'test',
          slots: 2,
          busy_slots: 1,
          is_alive: true,
        },
        ...{ heartbeat_age_seconds: expect.any(Number), started_at: expect.stringMatching(/Z$/) },
        runs: [
          {
            ...{ tenant_id: tenantId, job_id: running, run_id: run!.runId, attempt: 1 },
            started_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{15}Z$/),
          },
        ],
      },
    ]);
    expect(status.waiting_tenants.slice(0, 1)).toMatchObject([{ tenant_id: tenantId, parked: 0 }]);
    expect(status.waiting_tenants.map(({ tenant_id }) => tenant_id)).toContain(later);
    expect((await read(role, 1)).waiting_tenants).toHaveLength(1);
    expect(status.seals.unsealed_rows).toBeGreaterThan(0);
    await programs.runs.settle(run!, { outcome: 'succeeded' });
    await programs.workers.beat(programs.workerIdentity, []);
    expect((await read(role)).workers).toMatchObject([{ busy_slots: 0, runs: [] }]);
    await programs.runs.claim(programs.workerIdentity, 100);
  });
});

it('shows a worker that is silent as such, and one that left not at all', async () => {
  const lost = randomUUID();
  await db.sql(
    `INSERT INTO worker (worker_id, build, abilities, slots, seen_at)
     VALUES ($1, 'old', '{}', 1, clock_timestamp() - interval '1 hour')`,
    [lost],
  );
  const { workers } = await read();
  expect(workers.find(({ worker_id }) => worker_id === lost)).toMatchObject({
    build: 'old',
    is_alive: false,
  });
  await programs.workers.leave(lost);
  expect((await read()).workers.map(({ worker_id }) => worker_id)).not.toContain(lost);
});

it('tells of the last migrations, not of the folder that they read', async () => {
  await db.sql(
    `INSERT INTO migration_batch (batch_id, kind, root, options, started_by, counts)
     SELECT gen_random_uuid(), 'run', '/secret/place', '{}', 'ann', jsonb_build_object('migrated', n)
     FROM generate_series(1, 7) AS n`,
  );
  for (const role of ['ss_api', 'ss_operator'] as const) {
    const { migrations } = await read(role);
    expect(migrations).toHaveLength(5);
    expect(migrations[0]).toMatchObject({ kind: 'run', started_by: 'ann', ended_at: null });
    expect(JSON.stringify(migrations)).not.toContain('/secret');
  }
});

it('lets no tenant see what workers run', async () => {
  await db.sql(
    `INSERT INTO worker_activity (worker_id, runs) VALUES ($1, '[{"tenant_id": "waits", "job_id": "j"}]')`,
    [randomUUID()],
  );
  for (const [tenant, count] of [
    [tenantId, 0],
    [null, 0],
    ['@platform', 1],
  ] as const) {
    const session = await db.session('ss_api', tenant);
    const rows = await session.query(`SELECT FROM worker_activity WHERE runs <> '[]'`);
    expect([tenant, rows.length]).toEqual([tenant, count]);
    await session.end();
  }
});

it('answers within a second before 100,000 waiting jobs of 1,000 tenants', async () => {
  await db.sql(
    `INSERT INTO pgboss.job (name, data, singleton_key, policy, retry_limit, start_after)
     SELECT 'job.run', jsonb_build_object('tenant_id', 'tenant-' || n % 1000, 'job_id', 'job-' || n), 'key-' || n,
       'exclusive', 0, now() - make_interval(secs => n)
     FROM generate_series(1, 100000) AS n`,
  );
  await db.sql('ANALYZE');
  const begun = performance.now();
  const { queues, waiting_tenants: waiting } = await read();
  const tookMs = performance.now() - begun;
  expect(queues[0]!.waiting).toBeGreaterThanOrEqual(100_000);
  expect(waiting).toHaveLength(10);
  expect(waiting[0]).toMatchObject({ tenant_id: 'tenant-0', waiting: 100 });
  expect(tookMs).toBeLessThan(1_000);
});
