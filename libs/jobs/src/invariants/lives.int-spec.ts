import { newTraceId } from '#observability';
import { aTenant, auditOf, JobPrograms, NOOP_PLAN, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobRetention } from '../job-retention.js';
import { findViolations } from './invariant.js';
import { INVARIANTS } from './invariants.js';

const REPEATS = 3;

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db);
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

async function violated(): Promise<string[]> {
  const ids: string[] = [];
  for (const invariant of INVARIANTS) {
    const { total } = await findViolations((text, values) => db.sql(text, [...values]), invariant, {
      quietSeconds: 0,
      sweepSeconds: 0,
    });
    if (total > 0) ids.push(invariant.id);
  }
  return ids;
}

describe('an id that is given again', () => {
  it('begins a history of its own, and no invariant takes one life for another', async () => {
    const scope = programs.client(tenantId);
    const retention = new JobRetention(programs.worker, programs.store, programs.workerScope, null);
    const error = { code: 'STEP_FAILED', message: 'no' };
    await db.put('tenant_quota', { tenant_id: tenantId, retention_days: 1 });
    for (let life = 1; life <= REPEATS; life++) {
      const request = { jobId: 'again', traceId: newTraceId(), plan: NOOP_PLAN, confirm: true };
      const { job } = await programs.lifecycle.create(scope, request, null);
      for (let attempt = 1; attempt <= life; attempt++) {
        const [run] = await programs.runs.claim(programs.workerIdentity, 1);
        await programs.runs.settle(run!, { outcome: 'failed', error, retryAfterMs: null });
        if (attempt < life) await programs.lifecycle.retry({ ...scope, reason: 'x' }, 'again', null);
      }
      if (life === 2) await programs.erasure.erase({ ...scope, reason: 'asked to' }, 'again', null);
      expect(await violated()).toEqual([]);
      if (life === REPEATS) break;
      await db.sql('SET session_replication_role = replica');
      await db.sql(
        `UPDATE job SET finished_at = finished_at - interval '2 days' WHERE tenant_id = $1 AND job_id = 'again'`,
        [tenantId],
      );
      await db.sql('RESET session_replication_role');
      expect(await retention.run()).toMatchObject({ jobs: 1 });
      expect(await violated()).toEqual([]);
      expect(job.version).toBe(4);
    }
    const history = await auditOf(db, { tenant_id: tenantId, job_id: 'again' });
    const births = history.filter(({ action }) => action === 'job.created');
    const deaths = history.filter(({ action }) => action === 'job.deleted');
    expect([births.length, deaths.length]).toEqual([REPEATS, REPEATS - 1]);
    expect(births.every(({ version }) => version === 1)).toBe(true);
  });
});
