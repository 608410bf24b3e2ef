import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aJob, aTenant, auditOf, type TestDatabase, testDatabase } from '#testing';
import type { Job } from './job.js';

let db: TestDatabase;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  tenantId = await aTenant(db);
});
afterAll(async () => {
  await db.drop();
});

describe('the audit of job', () => {
  const BY_HAND = `UPDATE job SET status = 'cancelled', version = version + 1, finished_at = clock_timestamp()
    WHERE tenant_id = $1 AND job_id = $2`;

  it('names the database user where a superuser moves a job by hand', async () => {
    const job = await aJob(db, tenantId, { status: 'queued' });
    await db.sql(BY_HAND, [tenantId, job.job_id]);
    const [{ login }] = (await db.sql<{ login: string }>('SELECT session_user AS login')) as [
      { login: string },
    ];
    expect(await auditOf(db, job)).toEqual([
      expect.objectContaining({
        action: 'job.cancelled',
        actor_kind: 'database_user',
        actor_id: login,
        database_user: login,
        from_status: 'queued',
        to_status: 'cancelled',
        version: job.version + 1,
        source: 'sql',
      }),
    ]);
  });

  it('names the database user where the owner moves a job by hand', async () => {
    const job = await aJob(db, tenantId, { status: 'queued' });
    const session = await db.session('ss_owner', tenantId);
    await session.query(BY_HAND, [tenantId, job.job_id]);
    const rows = await session.query(
      'SELECT actor_kind, actor_id = session_user AS is_login FROM audit_event WHERE resource_id = $1',
      [job.job_id],
    );
    await session.end();
    expect(rows).toEqual([{ actor_kind: 'database_user', is_login: true }]);
  });

  it('has exactly one row for each job of a statement that moves many jobs of several tenants', async () => {
    const moved: Job[] = [];
    for (const tenant of [await aTenant(db), await aTenant(db), await aTenant(db)]) {
      for (let n = 0; n < 5; n++) moved.push(await aJob(db, tenant, { status: 'queued' }));
    }
    const ids = moved.map((job) => job.job_id);
    await db.sql(
      `UPDATE job SET status = 'running', version = version + 1, lease_no = lease_no + 1, run_id = gen_random_uuid()
       WHERE job_id = ANY($1)`,
      [ids],
    );
    const rows = await db.sql(
      `SELECT tenant_id, resource_id AS job_id, action, version::integer, lease_no::integer, run_id FROM audit_event
       WHERE resource_id = ANY($1) ORDER BY resource_id`,
      [ids],
    );
    const now = await db.sql<Pick<Job, 'job_id' | 'run_id'>>(
      'SELECT job_id, run_id FROM job WHERE job_id = ANY($1)',
      [ids],
    );
    const runOf = new Map(now.map((row) => [row.job_id, row.run_id]));
    const expected = moved
      .map((job) => ({
        tenant_id: job.tenant_id,
        job_id: job.job_id,
        action: 'job.started',
        version: job.version + 1,
        lease_no: 1,
        run_id: runOf.get(job.job_id),
      }))
      .sort((a, b) => (a.job_id < b.job_id ? -1 : 1));
    expect(rows).toEqual(expected);
  });

  it('calls a change that is no move job.changed where nobody gave it a name', async () => {
    const job = await aJob(db, tenantId);
    await db.sql('UPDATE job SET priority = 3, version = version + 1 WHERE job_id = $1', [job.job_id]);
    expect(await auditOf(db, job)).toEqual([
      expect.objectContaining({ action: 'job.changed', to_status: 'created' }),
    ]);
  });

  it('has one row for each of two changes made through one INSERT … ON CONFLICT', async () => {
    const job = await aJob(db, tenantId);
    await db.sql(
      `INSERT INTO job (tenant_id, job_id, trace_id) VALUES ($1, $2, repeat('c', 32)), ($1, $2 || '-new', repeat('c', 32))
       ON CONFLICT ON CONSTRAINT job_pkey DO UPDATE SET version = job.version + 1, priority = 9`,
      [tenantId, job.job_id],
    );
    expect((await auditOf(db, job)).map((row) => row.action)).toEqual(['job.changed']);
    expect((await auditOf(db, { ...job, job_id: `${job.job_id}-new` })).map((row) => row.action)).toEqual([
      'job.created',
    ]);
  });
});
