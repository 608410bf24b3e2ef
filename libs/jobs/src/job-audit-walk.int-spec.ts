import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aJob, aTenant, auditOf, type Role, type TestDatabase, testDatabase } from '#testing';
import type { JobStatus } from './job-moves.js';

let db: TestDatabase;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  tenantId = await aTenant(db);
});
afterAll(async () => {
  await db.drop();
});

/** What else a row needs in a state, so that its constraints hold. */
const ARRIVAL: Partial<Record<JobStatus, string>> = {
  confirmed: `plan_id = repeat('a', 64), confirmed_at = clock_timestamp()`,
  queued: 'queued_at = clock_timestamp(), finished_at = NULL',
  running: 'lease_no = lease_no + 1, run_id = gen_random_uuid(), started_at = clock_timestamp()',
  succeeded: 'finished_at = clock_timestamp()',
  failed: 'finished_at = clock_timestamp()',
  cancelled: 'finished_at = clock_timestamp()',
};

describe('every move that the database knows', () => {
  it('leaves exactly one row of its own name, also by hand', async () => {
    const moves = await db.sql<{ from_status: JobStatus | null; to_status: JobStatus; action: string }>(
      'SELECT from_status, to_status, action FROM job_move ORDER BY from_status, to_status',
    );
    expect(moves.length).toBeGreaterThan(12);
    for (const { from_status: from, to_status: to, action } of moves) {
      const jobId = `walk-${from ?? 'none'}-${to}`;
      if (from === null) {
        const insert = `INSERT INTO job (tenant_id, job_id, trace_id, status) VALUES ($1, $2, repeat('c', 32), $3)`;
        // Lifting alone makes jobs that have ended; its own test is beside it.
        const made = await db.sql(insert, [tenantId, jobId, to]).then(
          () => true,
          () => false,
        );
        if (!made) continue;
      } else {
        await aJob(db, tenantId, { job_id: jobId, status: from });
        const sets = ['version = version + 1', `status = '${to}'`, ...(ARRIVAL[to] ? [ARRIVAL[to]] : [])];
        await db.sql(`UPDATE job SET ${sets.join(', ')} WHERE tenant_id = $1 AND job_id = $2`, [
          tenantId,
          jobId,
        ]);
      }
      const rows = await auditOf(db, { tenant_id: tenantId, job_id: jobId });
      expect({ from, to, rows }).toMatchObject({
        rows: [{ action, from_status: from, to_status: to, actor_kind: 'database_user', source: 'sql' }],
      });
      expect(rows).toHaveLength(1);
    }
  });
});

describe('every column of a job', () => {
  it('that is changed by hand leaves one row with the login, and none without a new version', async () => {
    const columns = await db.sql<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'job'::regclass AND attnum > 0 AND NOT attisdropped`,
    );
    for (const { name } of columns) {
      const job = await aJob(db, tenantId, { status: 'created' });
      const sets = name === 'version' ? 'version = version + 1' : `version = version + 1, ${name} = ${name}`;
      await db.sql(`UPDATE job SET ${sets} WHERE tenant_id = $1 AND job_id = $2`, [tenantId, job.job_id]);
      const rows = await auditOf(db, job);
      expect({ name, rows }).toMatchObject({
        rows: [{ action: 'job.changed', actor_kind: 'database_user', from_status: 'created' }],
      });
      // Without a new version nothing changes at all, so nothing changes unseen.
      const unseen = `UPDATE job SET ${name} = ${name} WHERE tenant_id = $1 AND job_id = $2`;
      await expect(db.sql(unseen, [tenantId, job.job_id])).rejects.toMatchObject({ code: 'SS002' });
      expect(await auditOf(db, job)).toHaveLength(1);
    }
  });
});

describe.each<Role>(['ss_api', 'ss_worker', 'ss_operator', 'ss_system'])('%s', (role) => {
  it('cannot switch the audit off, go around it, or change what it is made of', async () => {
    const session = await db.session(role, tenantId);
    for (const statement of [
      'SET session_replication_role = replica',
      `SELECT set_config('session_replication_role', 'replica', true)`,
      'ALTER TABLE job DISABLE TRIGGER ALL',
      'ALTER TABLE job DISABLE TRIGGER audit_update',
      'DROP TRIGGER audit_update ON job',
      'DROP TRIGGER guard_update ON job',
      'ALTER TABLE audit_event NO FORCE ROW LEVEL SECURITY',
      'DROP POLICY jobs_are_left_to_triggers ON audit_event',
      `CREATE OR REPLACE FUNCTION audit_job_update() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
      'DELETE FROM job_move',
      `INSERT INTO job_move VALUES ('created', 'succeeded', 'cheat', 'job.cheated')`,
      `UPDATE job_move SET action = 'job.nothing'`,
      'SET ROLE ss_owner',
      'SET SESSION AUTHORIZATION ss_owner',
      'TRUNCATE job CASCADE',
    ]) {
      const refusal = await session.refusal(statement);
      expect({ statement, code: refusal?.code }).toEqual({ statement, code: '42501' });
    }
    await session.end();
  });
});

describe('a program', () => {
  it('that says it is somebody else still has its own login on the row', async () => {
    const job = await aJob(db, tenantId, { status: 'queued' });
    const session = await db.session('ss_api', tenantId);
    await session.query(
      `SELECT set_config('ss.actor_kind', 'database_user', true), set_config('ss.actor_id', 'postgres', true),
         set_config('ss.source', 'sql', true)`,
    );
    await session.query(
      `UPDATE job SET status = 'cancelled', version = version + 1, finished_at = clock_timestamp()
       WHERE tenant_id = $1 AND job_id = $2`,
      [tenantId, job.job_id],
    );
    const rows = await session.query(
      `SELECT action, actor_id, database_user FROM audit_event WHERE resource_id = $1`,
      [job.job_id],
    );
    expect(rows).toEqual([{ action: 'job.cancelled', actor_id: 'postgres', database_user: 'ss_api_login' }]);
    await session.end();
  });

  it('cannot put a table of its own in the way of the triggers', async () => {
    const job = await aJob(db, tenantId, { status: 'created' });
    const session = await db.session('ss_api', tenantId);
    const shadows = await session.refusal('CREATE TEMPORARY TABLE job_move (LIKE public.job_move)');
    if (shadows === null) {
      await session.query('CREATE TEMPORARY TABLE job_move (LIKE public.job_move)');
      await session.query('CREATE TEMPORARY TABLE audit_event (LIKE public.audit_event)');
      await session.query(
        `INSERT INTO pg_temp.job_move VALUES ('created', 'succeeded', 'cheat', 'job.cheated')`,
      );
    }
    const cheat = `UPDATE public.job SET status = 'succeeded', version = version + 1, finished_at = clock_timestamp()
      WHERE tenant_id = $1 AND job_id = $2`;
    expect(await session.refusal(cheat, [tenantId, job.job_id])).toMatchObject({ code: 'SS001' });
    await session.query('UPDATE public.job SET version = version + 1 WHERE tenant_id = $1 AND job_id = $2', [
      tenantId,
      job.job_id,
    ]);
    const rows = await session.query('SELECT action FROM public.audit_event WHERE resource_id = $1', [
      job.job_id,
    ]);
    expect(rows).toEqual([{ action: 'job.changed' }]);
    await session.end();
  });
});
