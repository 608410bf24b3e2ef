import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { aTenant, eventually, type TestDatabase, testDatabase } from '#testing';
import { type DeniedAttempt, DeniedAttempts, type DeniedAttemptsOptions } from './denied-attempts.js';
import { PLATFORM } from './tenants.js';

let db: TestDatabase;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(async () => {
  await db.drop();
});

const NOBODY = { tenantId: PLATFORM, actor: { kind: 'anonymous', id: 'anonymous' } } as const;
const failures: unknown[] = [];
const open = (
  options: Partial<DeniedAttemptsOptions> = {},
  database = db.database('ss_api'),
): DeniedAttempts =>
  new DeniedAttempts(database, NOBODY, { onError: (error) => failures.push(error), ...options });
const attempt = (given: Partial<DeniedAttempt> = {}): DeniedAttempt => ({
  ...{ tenantId, actor: { kind: 'api_key', id: 'key_1' }, code: 'JOB_NOT_FOUND', status: 404 },
  ...{ route: 'GET /v1/jobs/:job_id', requestId: 'r1', ...given },
});
const rows = (tenant: string): Promise<{ metadata: { count: number } }[]> =>
  db.sql(
    `SELECT actor_kind, actor_id, resource_type, resource_id, request_id, metadata FROM audit_event
     WHERE tenant_id = $1 AND action = 'access.denied' ORDER BY event_id`,
    [tenant],
  );
const countIn = async (tenant: string): Promise<number> =>
  (await rows(tenant)).reduce((sum, { metadata }) => sum + metadata.count, 0);

it('puts the first attempt on the audit at once, and a flood of the same in one row more', async () => {
  tenantId = await aTenant(db);
  const denied = open();
  denied.note(attempt());
  await eventually(async () => (await rows(tenantId)).length === 1);
  for (let n = 0; n < 500; n++) denied.note(attempt({ requestId: `r${n}` }));
  await denied.stop();
  expect(await rows(tenantId)).toEqual([
    {
      ...{ actor_kind: 'api_key', actor_id: 'key_1', resource_type: 'route', request_id: 'r1' },
      ...{ resource_id: 'GET /v1/jobs/:job_id', metadata: { code: 'JOB_NOT_FOUND', status: 404, count: 1 } },
    },
    expect.objectContaining({
      ...{ request_id: 'r499', metadata: { code: 'JOB_NOT_FOUND', status: 404, count: 500 } },
    }),
  ]);
});

it('tells of the folded ones when their time is over, without being asked', async () => {
  tenantId = await aTenant(db);
  const denied = open({ windowMs: 300 });
  for (let n = 0; n < 10; n++) denied.note(attempt());
  await eventually(async () => (await countIn(tenantId)) === 10);
  expect((await rows(tenantId)).length).toBeLessThanOrEqual(2);
  await denied.stop();
});

it('keeps apart who, what and where', async () => {
  tenantId = await aTenant(db);
  const denied = open();
  denied.note(attempt());
  denied.note(attempt({ actor: { kind: 'api_key', id: 'key_2' } }));
  denied.note(attempt({ code: 'AUTH_SCOPE_MISSING', status: 403 }));
  denied.note(attempt({ route: 'POST /v1/jobs', keyId: 'key_x', why: 'exp' }));
  await denied.stop();
  expect(await rows(tenantId)).toHaveLength(4);
  expect((await rows(tenantId)).at(-1)).toMatchObject({
    metadata: { key_id: 'key_x', why: 'exp', count: 1 },
  });
});

it('holds no more kinds than it may, and counts the rest as nobody’s', async () => {
  tenantId = await aTenant(db);
  const before = await countIn(PLATFORM);
  const denied = open({ maxKinds: 3 });
  for (let n = 0; n < 50; n++) denied.note(attempt({ actor: { kind: 'api_key', id: `key_${n}` } }));
  await denied.stop();
  expect(await rows(tenantId)).toHaveLength(3);
  expect((await countIn(PLATFORM)) - before).toBe(47);
});

it('loses none when the database cannot take them, and writes them when it can', async () => {
  tenantId = await aTenant(db);
  await db.sql('REVOKE INSERT (action) ON audit_event FROM ss_api');
  const denied = open({ windowMs: 300 });
  denied.note(attempt());
  await eventually(() => failures.length > 0);
  denied.note(attempt());
  expect(await rows(tenantId)).toEqual([]);
  await db.sql('GRANT INSERT (action) ON audit_event TO ss_api');
  await eventually(async () => (await countIn(tenantId)) === 2);
  await denied.stop();
});
