import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aJob, anAuditEvent, aTenant, AuditorSession, type TestDatabase, testDatabase } from '#testing';

let db: TestDatabase;
let mine: string;
let others: string;
let all: AuditorSession;
let ofMine: AuditorSession;

beforeAll(async () => {
  db = await testDatabase();
  [mine, others] = [await aTenant(db), await aTenant(db)];
  all = await AuditorSession.open(db, null);
  ofMine = await AuditorSession.open(db, mine);
});
afterAll(async () => {
  await all.end();
  await ofMine.end();
  await db.drop();
});

describe('audit_api.event', () => {
  it('has every column of the audit, so that a seal can be recomputed from it', async () => {
    const [row] = await db.sql<{ columns: string[]; view: string[] }>(
      `SELECT
         (SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute
          WHERE attrelid = 'audit_event'::regclass AND attnum > 0 AND NOT attisdropped) AS columns,
         (SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute
          WHERE attrelid = 'audit_api.event'::regclass AND attnum > 0) AS view`,
    );
    expect(row!.view).toEqual(row!.columns);
  });

  it('reads only the months and the tenant that are asked for, by the key', async () => {
    const plan = await ofMine.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (COSTS OFF) SELECT * FROM audit_api.event
       WHERE tenant_id = '${mine}' AND occurred_at >= '2026-12-03' AND occurred_at < '2026-12-04'`,
    );
    const text = plan.map((line) => line['QUERY PLAN']).join('\n');
    expect(text.match(/on audit_event_\w+/g)).toEqual(['on audit_event_2026_12']);
    await ofMine.query('SET enable_seqscan = off');
    const [usesKey] = await ofMine.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (COSTS OFF, FORMAT JSON) SELECT * FROM audit_api.event
       WHERE tenant_id = '${mine}' AND resource_type = 'job' AND resource_id = 'j' AND occurred_at >= '2026-12-01'`,
    );
    await ofMine.query('RESET enable_seqscan');
    expect(JSON.stringify(usesKey)).toMatch(/Index Cond.{0,20}tenant_id = /);
  });
});

describe('audit_api.job_history', () => {
  it('has each state with when it began and ended, and the last without an end', async () => {
    const job = { resource_type: 'job', resource_id: 'walked', actor_kind: 'worker', actor_id: 'w-1' };
    const at = (second: number): string => `2026-11-01T00:00:${String(second).padStart(2, '0')}Z`;
    const states: [string | null, string, number][] = [
      [null, 'created', 0],
      // An edit: no state.
      ['created', 'created', 1],
      ['created', 'confirmed', 3],
      ['confirmed', 'queued', 4],
      ['queued', 'running', 10],
      ['running', 'queued', 12],
    ];
    for (const [from_status, to_status, second] of states)
      await anAuditEvent(db, mine, { ...job, from_status, to_status, occurred_at: at(second), reason: String(second) });
    // The same name elsewhere is another job.
    await anAuditEvent(db, others, { ...job, from_status: null, to_status: 'created', occurred_at: at(5) });
    const rows = await all.query(
      `SELECT status, extract(second FROM since)::int AS since, extract(second FROM until)::int AS until,
         extract(epoch FROM lasted)::int AS seconds, actor_id, reason
       FROM audit_api.job_history WHERE tenant_id = '${mine}' AND job_id = 'walked' ORDER BY event_id`,
    );
    expect(rows.map((row) => Object.values(row).join(' '))).toEqual([
      ...['created 0 3 3 w-1 0', 'confirmed 3 4 1 w-1 3', 'queued 4 10 6 w-1 4', 'running 10 12 2 w-1 10', 'queued 12   w-1 12'],
    ]);
  });

  it('tells what was really done to a job, by hand too', async () => {
    const job = await aJob(db, mine, { status: 'queued' });
    await db.sql(`UPDATE job SET status = 'cancelled', version = version + 1, finished_at = now() WHERE job_id = $1`, [
      job.job_id,
    ]);
    const rows = await ofMine.query(
      `SELECT status, from_status, until, actor_kind, source FROM audit_api.job_history WHERE job_id = '${job.job_id}'`,
    );
    expect(rows).toEqual([
      { status: 'cancelled', from_status: 'queued', until: null, actor_kind: 'database_user', source: 'sql' },
    ]);
  });
});

describe('audit_api.action_by_actor', () => {
  it('counts what each actor did, with the first and the last time', async () => {
    for (const day of ['02', '04', '03'])
      await anAuditEvent(db, mine, { actor_id: 'counted', occurred_at: `2026-11-${day}T00:00:00Z` });
    await anAuditEvent(db, others, { actor_id: 'counted' });
    const rows = await ofMine.query(`SELECT * FROM audit_api.action_by_actor WHERE actor_id = 'counted'`);
    expect(rows).toEqual([
      {
        ...{ tenant_id: mine, actor_kind: 'operator', actor_id: 'counted', action: 'thing.done', times: 3 },
        ...{ first_at: '2026-11-02 00:00:00+00', last_at: '2026-11-04 00:00:00+00' },
      },
    ]);
  });
});

describe('audit_api.denied_attempt', () => {
  const denied = { action: 'access.denied', resource_type: 'route', resource_id: 'GET /v1/jobs/:job_id' };
  const seen = (of: string): Promise<object[]> =>
    ofMine.query(`SELECT code, method, route, key_id, attempts FROM audit_api.denied_attempt WHERE actor_id = '${of}'`);

  it('reads what was counted', async () => {
    const metadata = { code: 'JOB_NOT_FOUND', status: 404, count: 12, key_id: 'key_1' };
    await anAuditEvent(db, mine, { ...denied, actor_id: 'prober', metadata });
    expect(await seen('prober')).toEqual([
      { code: 'JOB_NOT_FOUND', method: 'GET', route: '/v1/jobs/:job_id', key_id: 'key_1', attempts: 12 },
    ]);
  });

  it.each([null, {}, { count: 'many' }, { count: 1.5 }, { count: -1 }, { count: [2] }])(
    'counts one attempt where the row says no more: %j',
    async (metadata) => {
      const actor_id = `with ${JSON.stringify(metadata)}`;
      await anAuditEvent(db, mine, { ...denied, actor_id, metadata });
      expect(await seen(actor_id)).toMatchObject([{ code: null, attempts: 1 }]);
    },
  );
});

describe('the seals', () => {
  it('are for auditors of the whole deployment', async () => {
    await db.sql(
      `INSERT INTO audit_segment (segment_no, after_event_id, to_event_id, row_count, row_digests, previous_hash, segment_hash)
       VALUES (1, 0, 1, 0, '', decode(repeat('00', 32), 'hex'), decode(repeat('11', 32), 'hex'))`,
    );
    await db.sql(
      `INSERT INTO audit_checkpoint (segment_no, segment_hash, key_id, signature)
       VALUES (1, decode(repeat('11', 32), 'hex'), 'k', '')`,
    );
    for (const view of ['segment', 'checkpoint']) {
      expect(await all.query(`SELECT segment_no FROM audit_api.${view}`)).toEqual([{ segment_no: 1 }]);
      expect(await ofMine.query(`SELECT segment_no FROM audit_api.${view}`)).toEqual([]);
    }
  });
});
