import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { anAuditEvent, aTenant, AuditorSession, type TestDatabase, testDatabase } from '#testing';
import { AuditSealer } from './audit-sealer.js';

type Row = Record<string, unknown>;

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../../docs/audit.md'), 'utf8');
/** Each block of SQL in the document, by its heading. */
const QUESTIONS = new Map(
  DOCUMENT.split(/^#+ /m).flatMap((section): [string, string][] => {
    const sql = /^```sql\n(.*?)^```/ms.exec(section)?.[1];
    return sql === undefined ? [] : [[section.slice(0, section.indexOf('\n')), sql]];
  }),
);

const ACME = 'acme';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const WORKER = { actor_kind: 'worker', actor_id: '6f1c1b1e-0000-4000-8000-000000000001', source: 'worker' };
const CI = { actor_kind: 'api_key', actor_id: 'key_ci', source: 'api', database_user: 'ss_api_login' };
const ANNA = { ...CI, actor_id: 'key_anna' };
const WORKS = { ...WORKER, database_user: 'ss_worker_login' };

let db: TestDatabase;
let all: AuditorSession;
let ofAcme: AuditorSession;

/** Noon of the day that many days ago, and some seconds. */
function at(daysAgo: number, seconds = 0): string {
  const noon = new Date();
  noon.setUTCHours(12, 0, 0, 0);
  return new Date(noon.getTime() - daysAgo * 86_400_000 + seconds * 1_000).toISOString();
}

const ofJob = (job: string, action: string, given: Row): Promise<unknown> =>
  anAuditEvent(db, ACME, { resource_type: 'job', resource_id: job, action: `job.${action}`, ...given });

beforeAll(async () => {
  db = await testDatabase();
  await aTenant(db, ACME);
  await aTenant(db, 'others');
  all = await AuditorSession.open(db, null);
  ofAcme = await AuditorSession.open(db, ACME);

  const run = { run_id: '00000000-0000-4000-8000-00000000000a', lease_no: 3 };
  await ofJob('penguins', 'created', { ...CI, to_status: 'created', occurred_at: at(1), request_id: 'req-7', trace_id: TRACE });
  await ofJob('penguins', 'confirmed', {
    ...{ ...ANNA, from_status: 'draft_ready', to_status: 'confirmed', occurred_at: at(1, 10), trace_id: TRACE },
    ...{ metadata: { plan_id: 'abc123' }, reason: 'looks right' },
  });
  await ofJob('penguins', 'enqueued', { ...ANNA, from_status: 'confirmed', to_status: 'queued', occurred_at: at(1, 10.5) });
  await ofJob('penguins', 'started', { ...WORKS, ...run, from_status: 'queued', to_status: 'running', occurred_at: at(1, 14.5) });
  await ofJob('penguins', 'succeeded', { ...WORKS, ...run, from_status: 'running', to_status: 'succeeded', occurred_at: at(1, 20) });

  await ofJob('alone', 'created', { ...CI, to_status: 'created', occurred_at: at(2) });
  await ofJob('alone', 'confirmed', { ...CI, from_status: 'draft_ready', to_status: 'confirmed', occurred_at: at(2, 1) });
  await ofJob('alone', 'enqueued', { ...CI, from_status: 'confirmed', to_status: 'queued', occurred_at: at(2, 2) });
  await ofJob('alone', 'cancelled', { ...ANNA, from_status: 'queued', to_status: 'cancelled', occurred_at: at(2, 62), reason: 'too slow' });

  await ofJob('mended', 'failed', {
    ...{ actor_kind: 'database_user', actor_id: 'postgres', source: 'sql', database_user: 'postgres', occurred_at: at(3) },
    ...{ from_status: 'queued', to_status: 'failed' },
  });
  // Somebody in psql who says that the API did it.
  await ofJob('mended', 'retried', { ...CI, database_user: 'postgres', from_status: 'failed', to_status: 'queued', occurred_at: at(3, 1) });

  const route = { action: 'access.denied', resource_type: 'route', occurred_at: at(1, 30) };
  const unknown = { ...route, resource_id: 'GET /v1/jobs/:job_id', ...CI, actor_id: 'key_prober' };
  await anAuditEvent(db, ACME, { ...unknown, metadata: { code: 'JOB_NOT_FOUND', count: 1 } });
  await anAuditEvent(db, ACME, { ...unknown, metadata: { code: 'JOB_NOT_FOUND', count: 41 } });
  const anonymous = { ...route, ...CI, actor_kind: 'anonymous', actor_id: 'anonymous', resource_id: 'POST /v1/jobs' };
  await anAuditEvent(db, ACME, { ...anonymous, metadata: { code: 'AUTH_BEARER_TOKEN_INVALID', count: 2, key_id: 'key_ci' } });

  const key = { resource_type: 'api_key', resource_id: 'key_ci', occurred_at: at(5) };
  await anAuditEvent(db, ACME, { ...key, action: 'api_key.created' });
  await anAuditEvent(db, ACME, { ...key, action: 'api_key.first_used', occurred_at: at(4) });
  await anAuditEvent(db, ACME, { action: 'tenant.quota_changed', resource_type: 'tenant', resource_id: ACME, occurred_at: at(4), changes: { weight: [100, 300] } });

  // The same in another tenant, which is no part of any answer.
  await db.sql('SET session_replication_role = replica');
  await db.sql(
    `INSERT INTO audit_event (tenant_id, occurred_at, actor_kind, actor_id, action, resource_type, resource_id, from_status,
       to_status, run_id, lease_no, reason, request_id, trace_id, source, metadata, database_user)
     SELECT 'others', occurred_at, actor_kind, actor_id, action, resource_type, resource_id, from_status,
       to_status, run_id, lease_no, reason, request_id, trace_id, source, metadata, database_user
     FROM audit_event WHERE tenant_id = $1`,
    [ACME],
  );
  await db.sql('RESET session_replication_role');
});
afterAll(async () => {
  await all.end();
  await ofAcme.end();
  await db.drop();
});

/** What is asked, and what the answer has to hold, row by row. Instants are left out where they only say when. */
const ANSWERS: Readonly<Record<string, readonly Row[]>> = {
  '1. Who confirmed this job, and which plan?': [{ actor_kind: 'api_key', actor_id: 'key_anna', plan_id: 'abc123', reason: 'looks right' }],
  '2. What did a key do yesterday?': [{ action: 'job.created', resource_type: 'job', resource_id: 'penguins' }],
  '3. Which jobs were cancelled in the last 30 days, by whom and why, and how far had they come?': [
    { job_id: 'alone', from_status: 'queued', actor_id: 'key_anna', reason: 'too slow' },
  ],
  '4. How long do the jobs of a tenant wait in the queue?': [
    { waits: 1, p95: { minutes: 1 } },
    { waits: 1, p95: { seconds: 4 } },
  ],
  '5. Who was refused, what, and how often?': [
    { actor_id: 'key_prober', key_id: null, code: 'JOB_NOT_FOUND', method: 'GET', route: '/v1/jobs/:job_id', attempts: '42' },
    { actor_id: 'anonymous', key_id: 'key_ci', code: 'AUTH_BEARER_TOKEN_INVALID', method: 'POST', route: '/v1/jobs', attempts: '2' },
  ],
  '6. What was changed by hand in psql?': [
    { database_user: 'postgres', actor_kind: 'database_user', resource_id: 'mended', to_status: 'failed' },
    { database_user: 'postgres', actor_kind: 'api_key', resource_id: 'mended', to_status: 'queued' },
  ],
  '7. Which events belong to this request, or to this trace?': [{ action: 'job.created' }, { action: 'job.confirmed' }],
  '8. What did this worker run, and how did it end?': [
    { job_id: 'penguins', lease_no: 3, lasted: { seconds: 5, milliseconds: 500 }, became: 'succeeded' },
  ],
  '9. When were keys, quotas and auditors changed, and by whom?': [
    { action: 'api_key.created', actor_id: 'olga' },
    { action: 'tenant.quota_changed', changes: { weight: [100, 300] } },
    { action: 'auditor.created', reason: 'a test' },
  ],
  '10. Which jobs did one and the same actor make, confirm and set going?': [{ job_id: 'alone', actor_id: 'key_ci' }],
};

it('the document asks these questions, and no other in SQL but that of the seals', () => {
  expect([...QUESTIONS.keys()]).toEqual([...Object.keys(ANSWERS), 'Seals']);
});

it.each(Object.entries(ANSWERS))('%s', async (question, answer) => {
  const sql = QUESTIONS.get(question)!;
  const rows = await ofAcme.query(sql);
  expect(rows).toHaveLength(answer.length);
  expect(rows).toMatchObject(answer);
  // Who sees every tenant gets the same: each question names its own.
  expect(await all.query(sql)).toEqual(rows);
});

it('whoever sees all tenants recomputes the rows of a seal, and sees one that was changed', async () => {
  const sql = QUESTIONS.get('Seals')!;
  const sealer = new AuditSealer(db.database('ss_worker'), { actor: { kind: 'worker', id: 'w' }, source: 'worker' }, 10);
  expect((await sealer.seal()).length).toBeGreaterThan(2);
  expect((await all.query<Row>(sql)).filter((row) => row['is_as_it_was_sealed'] !== true)).toEqual([]);
  await db.sql('ALTER TABLE audit_event DISABLE TRIGGER USER');
  await db.sql(`UPDATE audit_event SET reason = 'another' WHERE event_id = (SELECT to_event_id FROM audit_segment WHERE segment_no = 2)`);
  expect((await all.query<Row>(sql)).filter((row) => row['is_as_it_was_sealed'] !== true)).toMatchObject([{ segment_no: 2 }]);
});
