import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aJob, aTenant, type TestDatabase, testDatabase } from '#testing';

const FINISHED = `
  INSERT INTO job (tenant_id, job_id, status, version, finished_at, trace_id, legacy, legacy_sha256, legacy_schema_version)
  VALUES ($1, 'job_forged', 'succeeded', 9, now(), repeat('a', 32), '{}', repeat('b', 64), 3)`;

let db: TestDatabase;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  tenantId = await aTenant(db);
});
afterAll(async () => {
  await db.drop();
});

describe('a job in a finished state', () => {
  it.each(['ss_api', 'ss_worker', 'ss_operator', 'ss_system', 'ss_owner'] as const)(
    'is written by no %s',
    async (role) => {
      const session = await db.session(role, tenantId);
      const refusal = await session.refusal(FINISHED, [tenantId]);
      await session.end();
      // A program has no right to these columns; the owner has, and meets the guard.
      expect(refusal).toMatchObject(role === 'ss_owner' ? { code: 'SS001' } : { code: '42501' });
    },
  );

  it('is written by a migration, with the audit row that says so', async () => {
    const session = await db.session('ss_operator');
    await session.query('SET LOCAL ROLE ss_migration');
    expect(await session.attempt(FINISHED, [tenantId])).toBe(1);
    expect(
      await session.query(
        `SELECT action, from_status, to_status, version FROM audit_event WHERE tenant_id = $1`,
        [tenantId],
      ),
    ).toEqual([]);
    await session.query(FINISHED, [tenantId]);
    expect(
      await session.query(
        `SELECT action, from_status, to_status, version FROM audit_event WHERE tenant_id = $1`,
        [tenantId],
      ),
    ).toEqual([{ action: 'job.migrated', from_status: null, to_status: 'succeeded', version: '9' }]);
    await session.end();
  });

  it.each(['ss_api', 'ss_worker'] as const)('needs the role, which %s cannot take on', async (role) => {
    const session = await db.session(role, tenantId);
    expect(await session.refusal('SET LOCAL ROLE ss_migration')).toMatchObject({ code: '42501' });
    await session.end();
  });

  it('is born here like any other when a migration forgets to say what its file held', async () => {
    const session = await db.session('ss_operator');
    await session.query('SET LOCAL ROLE ss_migration');
    const forged = `INSERT INTO job (tenant_id, job_id, status, version, finished_at, trace_id)
      VALUES ($1, 'job_forged', 'succeeded', 9, now(), repeat('a', 32))`;
    expect(await session.refusal(forged, [tenantId])).toMatchObject({ code: 'SS001' });
    await session.end();
  });
});

describe('what a legacy file held', () => {
  it.each(['ss_api', 'ss_worker', 'ss_system', 'ss_owner'] as const)('is not changed by %s', async (role) => {
    const job = await aJob(db, tenantId, { status: 'queued' });
    const session = await db.session(role, tenantId);
    for (const change of [`legacy = '{}', legacy_sha256 = repeat('b', 64), legacy_schema_version = 3`]) {
      const refusal = await session.refusal(
        `UPDATE job SET version = version + 1, ${change} WHERE tenant_id = $1 AND job_id = $2`,
        [tenantId, job.job_id],
      );
      expect(refusal).toMatchObject({ code: 'SS001', constraint: 'job_legacy_is_fixed' });
    }
    await session.end();
  });

  it('gives a job that was lifted no audit row but the trigger’s', async () => {
    const session = await db.session('ss_operator');
    await session.query('SET LOCAL ROLE ss_migration');
    const refusal = await session.refusal(
      `INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source)
       VALUES ($1, 'migration', 'x', 'job.migrated', 'job', 'job_forged', 'test')`,
      [tenantId],
    );
    expect(refusal).toMatchObject({ code: '42501' });
    await session.end();
  });
});
