import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, Deployment, NOOP_PLAN, type Problem } from '#testing';

interface Quota {
  tenant_id: string;
  weight: number;
  limits: Record<string, number | null>;
  current: Record<string, number>;
}

let deployment: Deployment;
let tenantId: string;
let client: Client;
let operator: Client;

beforeAll(async () => {
  deployment = await Deployment.open();
  const api = await deployment.api();
  tenantId = await deployment.tenant();
  client = new Client(api.url, (await deployment.key(tenantId)).key);
  operator = client.withKey((await deployment.key(await deployment.tenant(), ['platform:admin'])).key);
});
afterAll(async () => {
  await deployment.close();
});

const put = <Body = Quota>(who: Client, tenant: string, quota: unknown) =>
  who.send<Body>(
    'PUT',
    `/v1/tenants/${tenant}/quota`,
    { 'content-type': 'application/json', 'x-ss-reason': 'they pay for it' },
    JSON.stringify(quota),
  );
const NONE = {
  ...{ queued_jobs: null, running_jobs: null, requests_per_second: null },
  ...{ upload_bytes: null, storage_bytes: null, retention_days: null },
};

describe('a quota', () => {
  it('is shown to every key of the tenant, whatever its scope', async () => {
    const { key } = await deployment.key(tenantId, ['artifacts:read']);
    const { status, body } = await client.withKey(key).get<Quota>('/v1/quota');
    expect([status, body]).toMatchObject([
      200,
      { tenant_id: tenantId, weight: 100, limits: NONE, current: { queued_jobs: 0, storage_bytes: 0 } },
    ]);
    expect((await client.withKey(null).get('/v1/quota')).status).toBe(401);
  });

  it('is set as a whole, by the platform alone, and holds for the next request with all that a refusal says', async () => {
    expect((await put<Problem>(client, tenantId, {})).body.code).toBe('AUTH_SCOPE_MISSING');
    expect((await put<Problem>(operator, 'nobody', {})).body.code).toBe('TENANT_NOT_FOUND');
    const wrong = await put<Problem>(operator, tenantId, { weight: 0, queued_jobs: -1 });
    expect([wrong.status, wrong.body.code]).toEqual([400, 'INPUT_VALIDATION_FAILED']);

    const { status, body } = await put(operator, tenantId, { queued_jobs: 1, weight: 250 });
    expect([status, body]).toMatchObject([
      200,
      { tenant_id: tenantId, weight: 250, limits: { ...NONE, queued_jobs: 1 } },
    ]);
    const job = { plan: NOOP_PLAN, confirm: true };
    expect((await client.post('/v1/jobs', job)).status).toBe(201);
    const files = await deployment.storedFiles();
    const refused = await client.post<Problem>('/v1/jobs', job, { 'idempotency-key': 'again' });
    expect([refused.status, refused.body]).toMatchObject([
      429,
      { code: 'QUOTA_QUEUED_JOBS_EXCEEDED', limit: 1, current: 1 },
    ]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await deployment.storedFiles()).toEqual(files);

    await put(operator, tenantId, {});
    expect((await client.get<Quota>('/v1/quota')).body).toMatchObject({ weight: 100, limits: NONE });
    // The refusal was no answer to keep for the key.
    expect((await client.post('/v1/jobs', job, { 'idempotency-key': 'again' })).status).toBe(201);
    const audit = await deployment.sql(
      `SELECT reason, changes FROM audit_event
       WHERE tenant_id = $1 AND action = 'tenant.quota_changed' ORDER BY event_id`,
      [tenantId],
    );
    const reason = 'they pay for it';
    expect(audit).toEqual([
      { reason, changes: { queued_jobs: { from: null, to: 1 }, weight: { from: 100, to: 250 } } },
      { reason, changes: { queued_jobs: { from: 1, to: null }, weight: { from: 250, to: 100 } } },
    ]);
  });
});
