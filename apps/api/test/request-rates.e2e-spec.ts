import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Answer,
  Client,
  Deployment,
  eventually,
  type Problem,
  type Program,
  rawRequest,
} from '#testing';
import type { JobBody } from '../src/jobs/job.body.js';
import { expectCleanLog } from './clean-log.js';

const RATE = 20;
let deployment: Deployment;
let api: Program;
let operator: Client;
let tenantId: string;
let client: Client;

beforeAll(async () => {
  deployment = await Deployment.open();
  api = await deployment.api();
  operator = new Client(api.url, (await deployment.key(await deployment.tenant(), ['platform:admin'])).key);
});
beforeEach(async () => {
  ({ tenantId, client } = await tenantWith({ requests_per_second: RATE }));
});
afterAll(async () => {
  await deployment.close();
});

async function tenantWith(quota: object): Promise<{ tenantId: string; client: Client }> {
  const made = await deployment.tenant();
  await set(made, quota);
  return { tenantId: made, client: operator.withKey((await deployment.key(made)).key) };
}
async function set(tenant: string, quota: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const path = `/v1/tenants/${tenant}/quota`;
  expect((await operator.send('PUT', path, headers, JSON.stringify(quota))).status).toBe(200);
}

const ask = (who: Client): Promise<Answer<Problem>> => who.get<Problem>('/v1/jobs');
const atOnce = (who: Client, requests: number): Promise<Answer<Problem>[]> =>
  Promise.all(Array.from({ length: requests }, () => ask(who)));
const statusesOf = (answers: readonly Answer<unknown>[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

/** What the two headers of the draft say, as structured fields; null: there is none. */
function told({ headers }: Pick<Answer<unknown>, 'headers'>): Record<'q' | 'w' | 'r' | 't', number> | null {
  const policy = headers.get('ratelimit-policy');
  const limit = headers.get('ratelimit');
  if (policy === null && limit === null) return null;
  const [, q, w] = /^"requests";q=(\d+);w=(\d+)$/.exec(policy ?? '') ?? [];
  const [, r, t] = /^"requests";r=(\d+);t=(\d+)$/.exec(limit ?? '') ?? [];
  return { q: Number(q), w: Number(w), r: Number(r), t: Number(t) };
}

/** Asks for so long, again and again, over so many connections. */
async function flood(who: Client, ms: number, connections = 4): Promise<Answer<Problem>[]> {
  const answers: Answer<Problem>[] = [];
  const end = performance.now() + ms;
  const one = async (): Promise<void> => {
    while (performance.now() < end) answers.push(await ask(who));
  };
  await Promise.all(Array.from({ length: connections }, one));
  return answers;
}

describe('a tenant with a limit of requests', () => {
  it('may send a second’s worth at once, and is told at each request what is left', async () => {
    const begun = performance.now();
    const answers = await atOnce(client, 3 * RATE);
    const since = (performance.now() - begun) / 1_000;
    const { 200: taken = 0, 429: refused = 0 } = statusesOf(answers);
    expect(taken + refused).toBe(3 * RATE);
    expect(taken).toBeGreaterThanOrEqual(RATE);
    expect(taken).toBeLessThanOrEqual(RATE + since * RATE + 1);
    for (const answer of answers) {
      const { q, w, r, t } = told(answer)!;
      expect([q, w, t]).toEqual([RATE, 1, 1]);
      expect(r).toBeLessThan(RATE);
      if (answer.status === 200) continue;
      expect(r).toBe(0);
      expect(answer.body).toMatchObject({ code: 'QUOTA_REQUESTS_EXCEEDED', limit: RATE, current: RATE });
      expect(answer.headers.get('retry-after')).toBe('1');
    }
  });

  it('may send at its rate for as long as it likes, and no faster', async () => {
    await atOnce(client, 3 * RATE);
    const begun = performance.now();
    const answers = await flood(client, 3_000);
    const since = (performance.now() - begun) / 1_000;
    const { 200: taken = 0, 429: refused = 0 } = statusesOf(answers);
    expect(taken).toBeGreaterThan(2 * RATE);
    expect(taken).toBeLessThanOrEqual(RATE + since * RATE);
    expect(refused).toBeGreaterThan(RATE);
  });

  it('takes nothing away from others, with a limit or without', async () => {
    const other = await tenantWith({ requests_per_second: 1_000 });
    const free = await deployment.client(api);
    const [mine, theirs, frees] = await Promise.all([
      atOnce(client, 5 * RATE),
      atOnce(other.client, 50),
      atOnce(free, 50),
    ]);
    expect(statusesOf(mine)[429]).toBeGreaterThan(0);
    expect([statusesOf(theirs), statusesOf(frees)]).toEqual([{ 200: 50 }, { 200: 50 }]);
    expect(frees.map(told)).toEqual(Array.from({ length: 50 }, () => null));
  });

  it('follows a change within a second, in the middle of a flood as well', async () => {
    const policyIs = (q: number | null) => async (): Promise<boolean> =>
      (told(await ask(client))?.q ?? null) === q;
    expect(await policyIs(RATE)()).toBe(true);
    await set(tenantId, { requests_per_second: 5 });
    await eventually(policyIs(5), 1_000);
    const flooding = flood(client, 2_000);
    await set(tenantId, { requests_per_second: 500 });
    await eventually(policyIs(500), 1_000);
    await set(tenantId, {});
    await eventually(policyIs(null), 1_000);
    await flooding;
    expect(statusesOf(await atOnce(client, 2 * RATE))).toEqual({ 200: 2 * RATE });
  });

  it('loses no request to whoever only names it', async () => {
    const { key, keyId } = await deployment.key(tenantId);
    const strangers = [`${key.slice(0, -3)}aaa`, `ssk.${tenantId}.${keyId}.${'a'.repeat(43)}`];
    const elsewhere = await deployment.client(api);
    for (const stranger of strangers) {
      const answers = await atOnce(client.withKey(stranger), 3 * RATE);
      expect(statusesOf(answers)).toEqual({ 401: 3 * RATE });
      expect(answers.map(told).filter(Boolean)).toEqual([]);
    }
    const header = { 'x-ss-tenant-id': tenantId };
    const named = Array.from({ length: RATE }, () => elsewhere.get('/v1/jobs', header));
    expect(statusesOf(await Promise.all(named))).toEqual({ 403: RATE });
    expect(told(await ask(client))).toMatchObject({ r: RATE - 1 });
  });

  it('loses none to a key that was good until it was revoked', async () => {
    const made = await deployment.key(tenantId);
    const revoked = client.withKey(made.key);
    expect((await ask(revoked)).status).toBe(200);
    await deployment.revoke(made);
    expect(statusesOf(await atOnce(revoked, RATE / 2))).toEqual({ 401: RATE / 2 });
    expect(statusesOf(await flood(revoked, 300))).toEqual({ 401: expect.any(Number) });
    // All but the first request's are there, and that one came back long ago.
    await eventually(async () => (told(await ask(client))?.r ?? 0) >= RATE - 2, 2_000);
  });

  it('counts what a key of the platform does for it', async () => {
    const header = { 'x-ss-tenant-id': tenantId };
    const answers = await Promise.all(
      Array.from({ length: 3 * RATE }, () => operator.get('/v1/jobs', header)),
    );
    expect(statusesOf(answers)[429]).toBeGreaterThan(0);
    expect((await operator.get('/v1/jobs')).status).toBe(200);
  });

  it('is refused before its body has come', async () => {
    const { body: job } = await client.post<JobBody>('/v1/jobs', { requirement: 'x' });
    await set(tenantId, { requests_per_second: 1 });
    await eventually(async () => told(await ask(client))?.q === 1);
    const upload =
      `POST /v1/jobs/${job.job_id}/inputs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
      `Authorization: Bearer ${client.key!}\r\nContent-Type: multipart/form-data; boundary=b\r\n` +
      'Content-Length: 1000000\r\n\r\n';
    const json = upload.replace('multipart/form-data; boundary=b', 'application/json');
    for (const head of [upload, json.replace(/\/v1\/jobs\S*/, '/v1/jobs')]) {
      // Whoever has just taken the one token there is, is without for a second.
      await eventually(async () => (await ask(client)).status === 200);
      const { status, text } = await rawRequest(client.url, head);
      expect([status, JSON.parse(text)]).toMatchObject([429, { code: 'QUOTA_REQUESTS_EXCEEDED' }]);
    }
  });

  it('is not limited where no key is asked for', async () => {
    await atOnce(client, 3 * RATE);
    for (const path of [
      '/health/live',
      '/health/ready',
      '/health/startup',
      '/openapi.json',
      '/docs',
      '/metrics',
    ]) {
      const answers = await Promise.all(Array.from({ length: 2 * RATE }, () => client.get(path)));
      expect([path, statusesOf(answers)]).toEqual([path, { 200: 2 * RATE }]);
      expect(answers.map(told).filter(Boolean)).toEqual([]);
    }
  });

  it('finds its refusals in the log and the metrics, and none on the audit', async () => {
    const refused = (await atOnce(client, 3 * RATE)).filter(({ status }) => status === 429);
    const ids = new Set(refused.map(({ headers }) => headers.get('x-ss-request-id')));
    const lines = await eventually(() => {
      const found = api.log.filter(
        ({ event, ...line }) => event === 'SS_API_REQUEST' && ids.has(String(line['request_id'])),
      );
      return found.length === ids.size ? found : null;
    });
    for (const line of lines) expect(line).toMatchObject({ status: 429, tenant_id: tenantId });
    const { bytes } = await client.get('/metrics');
    expect(bytes.toString()).toMatch(/ss_quota_refusals_total\{code="QUOTA_REQUESTS_EXCEEDED"\} \d+/);
    const denied = `SELECT FROM audit_event WHERE tenant_id = $1 AND action = 'access.denied'`;
    expect(await deployment.sql(denied, [tenantId])).toEqual([]);
    expectCleanLog(deployment, ['Bearer', client.key!]);
  });
});
