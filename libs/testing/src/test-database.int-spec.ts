import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JOB_STATUSES } from '#jobs';
import {
  aDataset,
  aJob,
  aKey,
  anArtifact,
  aTenant,
  eventually,
  type TestDatabase,
  testDatabase,
} from './index.js';

let db: TestDatabase;

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(async () => {
  await db.drop();
});

describe('testDatabase', () => {
  it('is migrated and empty, and lets each program in by a login of its own', async () => {
    const scope = { tenantId: 'nobody', actor: { kind: 'operator', id: 'test' }, source: 'test' } as const;
    for (const role of ['ss_api', 'ss_worker', 'ss_operator'] as const) {
      const [row] = await db
        .database(role)
        .transaction(scope, (tx) =>
          tx.query('SELECT session_user AS login, current_user AS role, (SELECT count(*) FROM job) AS jobs'),
        );
      expect(row).toEqual({ login: `${role}_login`, role, jobs: 0 });
    }
  });

  it('is another one for each who asks', async () => {
    const other = await testDatabase();
    try {
      await aTenant(other, 'only-there');
      expect(await db.sql(`SELECT FROM tenant WHERE tenant_id = 'only-there'`)).toEqual([]);
    } finally {
      await other.drop();
    }
  });

  it.each(JOB_STATUSES)('puts a job there as %s, without a trace in the audit', async (status) => {
    const tenantId = await aTenant(db);
    const job = await aJob(db, tenantId, { status });
    await aDataset(db, job);
    await anArtifact(db, job);
    expect(job).toMatchObject({ tenant_id: tenantId, status });
    const open = await db.sql('SELECT FROM run WHERE job_id = $1 AND ended_at IS NULL', [job.job_id]);
    expect(open).toHaveLength(status === 'running' ? 1 : 0);
    expect(await db.sql('SELECT FROM audit_event WHERE tenant_id = $1', [tenantId])).toEqual([]);
  });

  it('puts a key there', async () => {
    const key = await aKey(db, await aTenant(db), { scopes: ['audit:read'] });
    expect(key).toMatchObject({ scopes: ['audit:read'], revoked_at: null });
  });
});

describe('eventually', () => {
  it('gives the first answer that is one', async () => {
    let asked = 0;
    expect(await eventually(() => (++asked < 3 ? null : asked))).toBe(3);
  });

  it('says what did not happen, and why asking failed', async () => {
    const waiting = eventually(() => Promise.reject(new Error('no such thing')), 50);
    await expect(waiting).rejects.toMatchObject({ cause: { message: 'no such thing' } });
  });
});
