import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { aJob, aTenant, type Session, type TestDatabase, testDatabase } from '#testing';
import type { Job } from './job.js';
import { JOB_STATUSES, type JobMove, type JobStatus, moves } from './job-moves.js';

const MOVES = Object.keys(moves) as JobMove[];
const isMove = (from: JobStatus, to: JobStatus): boolean =>
  MOVES.some((name) => (moves[name].from as readonly JobStatus[]).includes(from) && moves[name].to === to);

/** Everything that the constraints ask of the new status, so that only the guard can say no. */
const TO_STATUS = `
  UPDATE job
  SET status = $3, version = version + 1, plan_id = coalesce(plan_id, repeat('a', 64)),
    run_id = coalesce(run_id, gen_random_uuid()),
    lease_no = lease_no + ($3 = 'running' AND status <> 'running')::integer,
    finished_at = CASE WHEN $3 IN ('succeeded', 'failed', 'cancelled') THEN clock_timestamp() END
  WHERE tenant_id = $1 AND job_id = $2`;

let db: TestDatabase;
let tenantId: string;
let jobs: Record<JobStatus, Job>;

beforeAll(async () => {
  db = await testDatabase();
  tenantId = await aTenant(db);
  const built: [JobStatus, Job][] = [];
  for (const status of JOB_STATUSES) built.push([status, await aJob(db, tenantId, { status })]);
  // Every status is a key: the list holds them all.
  jobs = Object.fromEntries(built) as Record<JobStatus, Job>;
});
afterAll(async () => {
  await db.drop();
});

describe('job_move', () => {
  it('holds the same moves as the code', async () => {
    const rows = await db.sql(
      `SELECT from_status, to_status, move, action FROM job_move WHERE move <> 'create'`,
    );
    const inCode = MOVES.flatMap((move) =>
      moves[move].from.map((from) => ({
        from_status: from,
        to_status: moves[move].to,
        move,
        action: moves[move].action,
      })),
    );
    const text = (list: object[]): string[] => list.map((row) => JSON.stringify(row)).sort();
    expect(text(rows)).toEqual(text(inCode));
  });

  it('lets a job begin as created and as nothing else', async () => {
    expect(await db.sql('SELECT to_status, action FROM job_move WHERE from_status IS NULL')).toEqual([
      { to_status: 'created', action: 'job.created' },
    ]);
  });
});

describe.each(['ss_api', 'ss_worker', 'ss_owner'] as const)('the guard of job, as %s', (role) => {
  let session: Session;
  beforeEach(async () => {
    session = await db.session(role, tenantId);
  });
  afterEach(async () => {
    await session.end();
  });

  const change = (job: Job, assignments: string): Promise<unknown> =>
    session.attempt(`UPDATE job SET ${assignments} WHERE tenant_id = $1 AND job_id = $2`, [
      tenantId,
      job.job_id,
    ]);

  it.each(JOB_STATUSES)(
    'lets a job that is %s make its moves and refuses every other status',
    async (from) => {
      for (const to of JOB_STATUSES) {
        if (to === from) continue;
        const outcome = await session.attempt(TO_STATUS, [tenantId, jobs[from].job_id, to]);
        const expected = isMove(from, to)
          ? 1
          : expect.objectContaining({ code: 'SS001', constraint: 'job_move_is_known' });
        expect({ from, to, outcome }).toEqual({ from, to, outcome: expected });
      }
    },
  );

  it('takes no other table of moves for its own', async () => {
    const job = jobs.succeeded;
    await session.query('CREATE TEMPORARY TABLE job_move AS SELECT * FROM public.job_move');
    await session.query(`INSERT INTO pg_temp.job_move VALUES ('succeeded', 'queued', 'again', 'job.again')`);
    expect(await session.attempt(TO_STATUS, [tenantId, job.job_id, 'queued'])).toMatchObject({
      code: 'SS001',
    });
  });

  it.each([-1, 0, 2])('refuses a version that changes by %s', async (step) => {
    const outcome = await change(jobs.created, `priority = priority + 1, version = version + (${step})`);
    expect(outcome).toMatchObject({ code: 'SS002', constraint: 'job_version_rises_by_one' });
  });

  it('lets a job change without a move when the version rises by one', async () => {
    expect(await change(jobs.queued, 'priority = priority + 1, version = version + 1')).toBe(1);
  });

  it.each([
    ['a start that keeps it', 'queued', `status = 'running', run_id = gen_random_uuid()`],
    [
      'a start that raises it by two',
      'queued',
      `status = 'running', run_id = gen_random_uuid(), lease_no = lease_no + 2`,
    ],
    ['a change of a running job that raises it', 'running', 'lease_no = lease_no + 1'],
    ['a requeue that resets it', 'running', `status = 'queued', lease_no = 0`],
    ['a change of a waiting job that raises it', 'queued', 'lease_no = lease_no + 1'],
  ] as const)(
    'refuses %s: lease_no rises by one with a start and at no other time',
    async (_what, status, assignments) => {
      expect(await change(jobs[status], `version = version + 1, ${assignments}`)).toMatchObject({
        code: 'SS001',
        constraint: 'job_lease_no_rises_with_start',
      });
    },
  );

  it.each([`plan_id = repeat('b', 64)`, 'plan_id = NULL'])(
    'refuses %s once the plan is frozen',
    async (assignment) => {
      expect(await change(jobs.failed, `version = version + 1, ${assignment}`)).toMatchObject({
        constraint: 'job_plan_is_frozen',
      });
    },
  );

  it.each([
    `job_id = 'another'`,
    'created_at = clock_timestamp()',
    `trace_id = repeat('a', 32)`,
    `tenant_id = 'another'`,
  ])('refuses %s: what a job is does not change', async (assignment) => {
    expect(await change(jobs.created, `version = version + 1, ${assignment}`)).toMatchObject({
      code: 'SS001',
      constraint: 'job_identity_is_fixed',
    });
  });

  it('sets updated_at by its own clock, whatever the statement says', async () => {
    await session.query(
      `UPDATE job SET version = version + 1, updated_at = '2001-01-01' WHERE tenant_id = $1 AND job_id = $2`,
      [tenantId, jobs.created.job_id],
    );
    const [row] = await session.query<{ fresh: boolean }>(
      `SELECT updated_at > clock_timestamp() - interval '1 minute' AS fresh FROM job WHERE tenant_id = $1 AND job_id = $2`,
      [tenantId, jobs.created.job_id],
    );
    expect(row!.fresh).toBe(true);
  });
});

describe.each(['ss_api', 'ss_owner'] as const)('the birth of a job, as %s', (role) => {
  it.each([
    ...JOB_STATUSES.filter((status) => status !== 'created').map((status) => `status = ${status}`),
    'version = 2',
    'lease_no = 1',
  ])('refuses %s', async (wrong) => {
    const session = await db.session(role, tenantId);
    const [column = '', value = ''] = wrong.split(' = ');
    const row: Record<string, unknown> = {
      job_id: 'newborn',
      trace_id: 'a'.repeat(32),
      plan_id: 'a'.repeat(64),
      run_id: 'b'.repeat(32),
      finished_at: ['succeeded', 'failed', 'cancelled'].includes(value) ? new Date().toISOString() : null,
      [column]: value,
    };
    const names = Object.keys(row);
    const places = names.map((_, index) => `$${index + 2}`);
    const outcome = await session.refusal(
      `INSERT INTO job (tenant_id, ${names.join(', ')}) VALUES ($1, ${places.join(', ')})`,
      [tenantId, ...Object.values(row)],
    );
    await session.end();
    // A program may not even name these columns; the owner may, and meets the trigger.
    expect(outcome).toMatchObject(
      role === 'ss_api' ? { code: '42501' } : { code: 'SS001', constraint: 'job_move_is_known' },
    );
  });
});
