import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newTraceId } from '#observability';
import { aTenant, JobPrograms, NOOP_PLAN, type TestDatabase, testDatabase, timePasses } from '#testing';
import type { Job } from '../job.js';
import type { Settlement } from '../job-runs.js';
import type { ClaimedRun } from '../run.js';
import { type Ask, findViolations, type Grace } from './invariant.js';
import { INVARIANTS, NOT_TOLD_BY_SQL } from './invariants.js';

const AT_ONCE: Grace = { quietSeconds: 0, sweepSeconds: 0 };
const error = { code: 'STEP_FAILED', message: 'no' };

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;
/** A job in each state, by how it came there. */
let jobs: Record<'created' | 'queued' | 'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled', Job>;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db);
  jobs = await oneOfEach();
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const scope = () => programs.client(tenantId);
const ask: Ask = (text, values) => db.sql(text, [...values]);

async function oneOfEach(): Promise<typeof jobs> {
  const { job: created } = await programs.lifecycle.create(
    scope(),
    { traceId: newTraceId(), requirement: 'which?' },
    { route: 'POST /v1/jobs', key: 'k1', bodySha256: 'a'.repeat(64), ttlHours: 24 },
  );
  const succeeded = await ran({ outcome: 'succeeded' });
  const waiting = await ran({ outcome: 'failed', error, retryAfterMs: 3_600_000 });
  const failed = await ran(
    { outcome: 'failed', error, retryAfterMs: 0 },
    { outcome: 'interrupted' },
    { outcome: 'timed_out', error, retryAfterMs: null },
  );
  const cancelled = await programs.lifecycle.cancel(scope(), (await queued()).job_id, null);
  const running = await queued();
  await claimOne();
  const last = await queued();
  const now = (job: Job): Promise<Job> => programs.lifecycle.get(scope(), job.job_id);
  return { created, queued: last, waiting, running: await now(running), succeeded, failed, cancelled };
}

async function queued(): Promise<Job> {
  const request = { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true };
  return (await programs.lifecycle.create(scope(), request, null)).job;
}

async function claimOne(): Promise<ClaimedRun> {
  const [run] = await programs.runs.claim(programs.workerIdentity, 1);
  return run!;
}

/** A job that was run once for each settlement. */
async function ran(...settlements: Settlement[]): Promise<Job> {
  const job = await queued();
  for (const settlement of settlements) {
    await timePasses(db, job, 'scheduled_at');
    const run = await claimOne();
    await programs.runs.beginStep(run, { stepId: 's1', position: 1, type: 'noop' });
    await programs.runs.endStep(run, 's1', { outcome: 'succeeded', artifacts: [] });
    await programs.runs.settle(run, settlement);
  }
  return programs.lifecycle.get(scope(), job.job_id);
}

async function broken(grace = AT_ONCE): Promise<string[]> {
  const ids: string[] = [];
  for (const invariant of INVARIANTS) {
    const { total } = await findViolations(ask, invariant, grace);
    if (total > 0) ids.push(invariant.id);
  }
  return ids;
}

it('each of I1 to I20 is told by SQL or named among those that are not', () => {
  const ids = [...INVARIANTS, ...NOT_TOLD_BY_SQL].map(({ id }) => Number(id.slice(1)));
  expect(ids.sort((one, other) => one - other)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
});

it('a system at rest with a job in every state breaks none', async () => {
  expect(await broken()).toEqual([]);
});

describe('what breaks one invariant, and only that one, is reported under its name', () => {
  beforeEach(async () => {
    await db.sql('BEGIN');
    // Past every trigger and foreign key, as only the owner of a server can go.
    await db.sql('SET LOCAL session_replication_role = replica');
  });
  afterEach(async () => {
    await db.sql('ROLLBACK');
  });

  const change = (text: string, ...values: unknown[]) => db.sql(text, values);
  const message = (tenant: string, jobId: string) =>
    change(
      `INSERT INTO pgboss.job (name, data, policy, singleton_key)
       VALUES ('job.run', jsonb_build_object('tenant_id', $1::text, 'job_id', $2::text), 'exclusive', 'one more')`,
      ...[tenant, jobId],
    );
  const eventOf = `tenant_id = $1 AND resource_type = 'job' AND resource_id = $2`;
  const SAME_EVENT = `tenant_id, occurred_at, actor_kind, actor_id, action, resource_type, resource_id, from_status, to_status,
    version, source`;

  const cases: Record<string, [what: string, breakIt: () => Promise<unknown>][]> = {
    I2: [
      [
        'a move that there is none',
        async () => {
          await change(
            `UPDATE audit_event SET to_status = 'draft_ready', action = 'job.drafted' WHERE ${eventOf}`,
            tenantId,
            jobs.created.job_id,
          );
          await change(`UPDATE job SET status = 'draft_ready' WHERE job_id = $1`, jobs.created.job_id);
        },
      ],
      [
        'a move under the name of another',
        () => change(`UPDATE audit_event SET action = 'job.failed' WHERE action = 'job.succeeded'`),
      ],
      [
        'a deletion of a job that had not ended',
        async () => {
          await change(
            `INSERT INTO audit_event (${SAME_EVENT})
             SELECT ${SAME_EVENT.replace('from_status, to_status', 'to_status, NULL').replace('version', 'version + 1').replace('action', `'job.deleted'`)}
             FROM audit_event WHERE ${eventOf}`,
            ...[tenantId, jobs.created.job_id],
          );
          await change('DELETE FROM idempotency_key');
          await change('DELETE FROM job WHERE job_id = $1', jobs.created.job_id);
        },
      ],
      [
        'a change that is called a move',
        async () => {
          await change(
            `INSERT INTO audit_event (${SAME_EVENT})
             SELECT ${SAME_EVENT.replace('from_status', 'to_status').replace('version', 'version + 1').replace('action', `'job.enqueued'`)}
             FROM audit_event WHERE ${eventOf}`,
            tenantId,
            jobs.created.job_id,
          );
          await change(`UPDATE job SET version = version + 1 WHERE job_id = $1`, jobs.created.job_id);
        },
      ],
    ],
    I3: [
      [
        'a history that lost its beginning',
        () =>
          change(`DELETE FROM audit_event WHERE ${eventOf} AND version = 1`, tenantId, jobs.succeeded.job_id),
      ],
      [
        'a row that begins where nothing ended',
        () =>
          change(
            `UPDATE audit_event SET from_status = 'draft_ready' WHERE ${eventOf} AND version = 5`,
            tenantId,
            jobs.cancelled.job_id,
          ),
      ],
    ],
    I4: [
      [
        'a version that is missing in the middle',
        () =>
          change(`DELETE FROM audit_event WHERE ${eventOf} AND version = 3`, tenantId, jobs.succeeded.job_id),
      ],
    ],
    I5: [
      [
        'a job that was changed past its triggers',
        () => change(`UPDATE job SET version = version + 1 WHERE job_id = $1`, jobs.created.job_id),
      ],
      [
        'a job without a history',
        () => change(`DELETE FROM audit_event WHERE ${eventOf}`, tenantId, jobs.created.job_id),
      ],
      [
        'a job that was deleted, says the audit, and is there',
        () =>
          change(
            `INSERT INTO audit_event (${SAME_EVENT})
             SELECT ${SAME_EVENT.replace('from_status, to_status', 'to_status, NULL').replace('version', 'version + 1').replace('action', `'job.deleted'`)}
             FROM audit_event WHERE ${eventOf} ORDER BY version DESC LIMIT 1`,
            ...[tenantId, jobs.cancelled.job_id],
          ),
      ],
      [
        'a history without its job',
        () =>
          change(
            `UPDATE audit_event SET resource_id = 'nobody' WHERE ${eventOf}`,
            tenantId,
            jobs.created.job_id,
          ),
      ],
    ],
    I6: [
      [
        'a second row for one change',
        () =>
          change(
            `INSERT INTO audit_event (${SAME_EVENT}) SELECT ${SAME_EVENT} FROM audit_event WHERE ${eventOf}`,
            tenantId,
            jobs.created.job_id,
          ),
      ],
    ],
    I7: [
      [
        'an ended job with an open run',
        () =>
          change(
            `INSERT INTO run (tenant_id, job_id, run_id, attempt, lease_no, worker_id, worker_build, lease_until, started_at)
             SELECT tenant_id, job_id, gen_random_uuid(), 1, 0, worker_id, 'test', lease_until,
               started_at - interval '1 microsecond'
             FROM run WHERE job_id = $1`,
            jobs.succeeded.job_id,
          ),
      ],
      ['an ended job with a message', () => message(tenantId, jobs.succeeded.job_id)],
    ],
    I8: [
      [
        'a lease that ran out, and nobody took',
        () => change(`UPDATE run SET lease_until = clock_timestamp() WHERE ended_at IS NULL`),
      ],
      [
        'a running job whose run has another lease',
        () => change(`UPDATE run SET lease_no = 9 WHERE ended_at IS NULL`),
      ],
    ],
    I9: [
      [
        'a job that succeeded by a run that did not',
        () => change(`UPDATE run SET outcome = 'interrupted' WHERE outcome = 'succeeded'`),
      ],
      [
        'a run that ended under a lease of its own',
        () => change(`UPDATE run SET lease_no = 0 WHERE outcome = 'succeeded'`),
      ],
    ],
    I10: [
      [
        'a queued job without a message',
        () => change(`DELETE FROM pgboss.job WHERE data ->> 'job_id' = $1`, jobs.queued.job_id),
      ],
      ['a message for a job that is not queued', () => message(tenantId, jobs.created.job_id)],
    ],
    I11: [
      [
        'a plan of another tenant',
        () => change(`UPDATE plan SET tenant_id = 'x' WHERE job_id = $1`, jobs.queued.job_id),
      ],
      ['a message to another tenant', () => message('somebody else', jobs.queued.job_id)],
    ],
    I13: [
      [
        'an answer about a job that is not there',
        () =>
          change(
            `UPDATE idempotency_key SET response_body = jsonb_set(response_body, '{job_id}', '"nobody"')`,
          ),
      ],
    ],
    I14: [
      [
        'an attempt too many',
        () => change(`UPDATE job SET attempts = 2 WHERE job_id = $1`, jobs.waiting.job_id),
      ],
      [
        'an interruption that was counted',
        () => change(`UPDATE job SET attempts = 3 WHERE job_id = $1`, jobs.failed.job_id),
      ],
      ['a lost run that was none', () => change(`UPDATE job SET lost_runs = 1 WHERE status = 'running'`)],
      [
        'more attempts than the plan allows',
        () =>
          change(
            `UPDATE plan SET document = document || '{"retry": {"max_attempts": 1}}' WHERE job_id = $1`,
            jobs.failed.job_id,
          ),
      ],
    ],
    I17: [
      ['a table that is not forced', () => change('ALTER TABLE run_step NO FORCE ROW LEVEL SECURITY')],
      [
        'a table that nobody protected',
        () => change('CREATE TABLE forgotten (tenant_id text, PRIMARY KEY (tenant_id))'),
      ],
      [
        'a month of the audit that nobody protected',
        () =>
          change(`CREATE TABLE audit_event_1999_01 PARTITION OF audit_event
                  FOR VALUES FROM ('1999-01-01') TO ('1999-02-01')`),
      ],
      [
        'a policy that lets everybody in',
        () => change('CREATE POLICY open_house ON job FOR SELECT USING (true)'),
      ],
      ['a role that passes every policy', () => change('ALTER ROLE ss_worker BYPASSRLS')],
      ['a program that owns a table', () => change('ALTER TABLE plan OWNER TO ss_api')],
      ['an API that gets through the door', () => change('GRANT ss_system TO ss_api')],
    ],
    I20: [
      [
        'a job that was done before it began',
        () =>
          change(
            `UPDATE job SET finished_at = started_at - interval '1 second' WHERE job_id = $1`,
            jobs.succeeded.job_id,
          ),
      ],
      [
        'a job that was never queued but ran',
        () => change(`UPDATE job SET queued_at = NULL WHERE job_id = $1`, jobs.succeeded.job_id),
      ],
      [
        'a step that ended before it began',
        () => change(`UPDATE run_step SET ended_at = started_at - interval '1 second'`),
      ],
    ],
  };
  const all = Object.entries(cases).flatMap(([id, list]) =>
    list.map(([what, breakIt]) => ({ id, what, breakIt })),
  );

  it.each(all)('$id: $what', async ({ id, breakIt }) => {
    await breakIt();
    expect(await broken()).toEqual([id]);
  });

  it('there is such a case for every one of them', () => {
    // I19 needs a session beside ours; it has a test of its own.
    expect(INVARIANTS.map(({ id }) => id).filter((id) => !(id in cases))).toEqual(['I19']);
  });

  it('the rows that are shown are few, and all are counted', async () => {
    await change(`INSERT INTO job SELECT (jsonb_populate_record(job, jsonb_build_object('job_id', 'copy-' || n))).*
                  FROM job, generate_series(1, 25) AS n WHERE job_id = '${jobs.created.job_id}'`);
    const found = await findViolations(
      ask,
      INVARIANTS.find(({ id }) => id === 'I5')!,
      AT_ONCE,
    );
    expect(found).toMatchObject({ total: 25 });
    expect(found.rows).toHaveLength(10);
    expect(found.rows[0]).toMatchObject({ tenant_id: tenantId, status: 'created', audit_status: null });
  });

  it('a history whose old months were dropped is none, nor is a job that came from a legacy file', async () => {
    const old = { job_id: jobs.succeeded.job_id };
    await change(
      `UPDATE job SET created_at = created_at - interval '1 year' WHERE job_id = $1`,
      ...[old.job_id],
    );
    await change(`DELETE FROM audit_event WHERE ${eventOf} AND version < 4`, tenantId, old.job_id);
    await change(
      `INSERT INTO job SELECT (jsonb_populate_record(job, '{"job_id": "lifted", "version": 12, "run_id": null, "attempts": 9,
         "confirmed_at": null, "status": "failed", "created_at": "2024-01-01T00:00:00Z"}')).* FROM job WHERE job_id = $1`,
      jobs.failed.job_id,
    );
    await change(
      `INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, to_status, version, source)
       VALUES ($1, 'migration', 'm', 'job.migrated', 'job', 'lifted', 'failed', 12, 'migration')`,
      tenantId,
    );
    expect(await broken()).toEqual([]);
  });
});

it('I19: a session that stays in its transaction is reported, and gone when it ends', async () => {
  const session = await db.session('ss_api', tenantId);
  expect(await broken()).toEqual(['I19']);
  await session.end();
  expect(await broken()).toEqual([]);
});

it('what is young enough to be mended by itself is not reported', async () => {
  const job = await queued();
  await db.sql(`DELETE FROM pgboss.job WHERE data ->> 'job_id' = $1`, [job.job_id]);
  expect(await broken({ quietSeconds: 60, sweepSeconds: 60 })).toEqual([]);
  expect(await broken()).toEqual(['I10']);
  await programs.lifecycle.cancel(scope(), job.job_id, null);
});

it('a busy healthy system breaks none, whenever one looks', async () => {
  const held: ClaimedRun[] = [];
  let busy = true;
  const work = async (): Promise<void> => {
    while (busy) {
      const job = await queued();
      held.push(...(await programs.runs.claim(programs.workerIdentity, 2)));
      const run = held.shift();
      const chance = Math.random();
      if (chance < 0.2) await programs.lifecycle.cancel(scope(), job.job_id, null).catch(() => undefined);
      if (!run) continue;
      const again: Settlement = { outcome: 'failed', error, retryAfterMs: chance < 0.5 ? 0 : null };
      await programs.runs.settle(run, chance < 0.7 ? again : { outcome: 'succeeded' }).catch(() => undefined);
      if (chance < 0.5) await programs.lifecycle.retry(scope(), run.jobId, null).catch(() => undefined);
    }
  };
  const workers = [work(), work(), work()];
  for (let look = 0; look < 5; look++) {
    expect(await broken({ quietSeconds: 5, sweepSeconds: 5 })).toEqual([]);
  }
  busy = false;
  await Promise.all(workers);
  expect(await broken()).toEqual([]);
});
