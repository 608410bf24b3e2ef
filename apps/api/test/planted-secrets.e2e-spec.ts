import {
  type Client,
  Deployment,
  eventually,
  Program,
  rawRequest,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobBody } from '../src/jobs/job.body.js';
import { expectCleanLog } from './clean-log.js';
import { planOf, sql } from './plans.js';

/** In no other text, and as one word: what is looked for in every line of every program. */
const PLANTED = 'plantedZ7q3vX9secret';
const JSON_TYPE = { 'content-type': 'application/json' };

let db: TestDatabase;
let deployment: Deployment;
let api: Program;
let client: Client;

beforeAll(async () => {
  db = await testDatabase();
  deployment = await Deployment.on(db, {}, () => db.drop());
  [api] = await Promise.all([deployment.api(), deployment.worker()]);
  client = await deployment.client(api, 'acme');
});
afterAll(async () => {
  await deployment.close();
});

/** The request was heard and has its line; and nothing of what was planted is in any line. */
async function expectUntold(requestId: string): Promise<void> {
  await eventually(() => api.find('SS_API_REQUEST', { request_id: requestId }), 10_000);
  expectCleanLog(deployment, [PLANTED, client.key!]);
}

describe('what a request brings is in no line of the log', () => {
  it.each([
    ['a key', { authorization: `Bearer ${PLANTED}` }],
    ['a key of our form', { authorization: `Bearer ssk.YWNtZQ.key_0123456789abcdef.${PLANTED}` }],
    [
      'credentials of another kind',
      { authorization: `Basic ${Buffer.from(PLANTED).toString('base64')}x${PLANTED}` },
    ],
    ['a cookie', { cookie: `session=${PLANTED}` }],
    ['a tenant', { 'x-ss-tenant-id': PLANTED }],
    ['a reason', { 'x-ss-reason': `because of ${PLANTED}` }],
    ['a broken trace', { traceparent: `00-${PLANTED}-1-01` }],
    ['a header of nobody', { 'x-api-key': PLANTED, 'proxy-authorization': PLANTED }],
    ['a request id that is none', { 'x-ss-request-id': `${PLANTED} and more` }],
  ])('%s in a header', async (_what, headers) => {
    const { headers: answered } = await client.get('/v1/jobs', headers);
    await expectUntold(answered.get('x-ss-request-id')!);
  });

  it.each([
    `/v1/jobs?api_key=${PLANTED}`,
    `/v1/jobs?status=${PLANTED}`,
    `/v1/none?token=${PLANTED}`,
    `/docs?x=${PLANTED}`,
  ])('%s', async (path) => {
    const { headers } = await client.get(path);
    await expectUntold(headers.get('x-ss-request-id')!);
  });

  it.each([
    ['JSON that breaks off', `{"requirement": "${PLANTED}`],
    ['a field that there is not', `{"${PLANTED}": 1}`],
    ['a value of another type', `{"requirement": ["${PLANTED}"]}`],
    [
      'a plan that is none',
      `{"plan": {"plan_version": 2, "steps": [{"step_id": "${PLANTED}!", "type": "${PLANTED}"}]}}`,
    ],
    ['a label', `{"requirement": "x", "labels": {"password": "${PLANTED}"}}`],
    ['the question', `{"requirement": "What does ${PLANTED} mean?"}`],
  ])('%s', async (_what, body) => {
    const { headers } = await client.send('POST', '/v1/jobs', JSON_TYPE, body);
    await expectUntold(headers.get('x-ss-request-id')!);
  });

  it('bytes that are no request', async () => {
    await rawRequest(api.url, `GARBAGE ${PLANTED}\r\nAuthorization: Bearer ${PLANTED}\r\n\r\n`);
    await eventually(() => api.find('SS_API_REFUSED', { code: 'API_HTTP_ERROR' }));
    expectCleanLog(deployment, [PLANTED]);
  });
});

describe('what a job works on is in no line of the log', () => {
  it.each([
    ['a cell that is no number', sql('s1', `SELECT CAST(secret AS INTEGER) AS n FROM data`)],
    ['SQL that is none', sql('s1', `SELECT ${PLANTED} FROM FROM`)],
    ['a table that there is not', sql('s1', `SELECT * FROM ${PLANTED}`)],
    ['an error that the plan throws', sql('s1', `SELECT error('password=${PLANTED}')`)],
  ])('%s', async (_what, step) => {
    const { body: job } = await client.post<JobBody>('/v1/jobs', { plan: planOf(step) });
    const path = `/v1/jobs/${job.job_id}`;
    const files = [{ role: 'primary_dataset', name: 'data.csv', content: `secret\n${PLANTED}\n` }];
    expect((await client.upload(`${path}/inputs`, files)).status).toBe(201);
    expect((await client.post(`${path}/confirm`)).status).toBe(200);
    const { body: ended } = await client.get<JobBody>(path, { prefer: 'wait=60' });
    expect(ended.status).toBe('failed');
    // Its owner is told; the log is not.
    expectCleanLog(deployment, [PLANTED]);
  });
});

describe('what a program is configured with is in no line of its log', () => {
  const url = (change: (url: URL) => void): string => {
    const changed = new URL(db.apiUrl);
    change(changed);
    return changed.toString();
  };

  it.each([
    ['a password that is refused', { DATABASE_URL: 'wrong password' }, 'json'],
    ['the same for people', { DATABASE_URL: 'wrong password' }, 'pretty'],
    ['a server that is not there', { DATABASE_URL: 'nowhere' }, 'json'],
    ['an address that is none', { DATABASE_URL: `postgresql://ss:${PLANTED}@[broken/ss` }, 'json'],
  ])('%s', async (_what, env, format) => {
    const addresses: Readonly<Record<string, string>> = {
      'wrong password': url((one) => (one.password = PLANTED)),
      nowhere: `postgresql://ss:${PLANTED}@127.0.0.1:1/ss`,
    };
    const wanted = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, addresses[value] ?? value]),
    );
    const place = deployment.place('api', {
      ...{ SS_DATABASE_WAIT_SECONDS: '1', SS_LOG_FORMAT: format, SS_LOG_LEVEL: 'trace' },
      ...wanted,
    });
    const program = Program.launch('api', place);
    expect((await program.ended).code).toBe(1);
    const said = [...program.output, ...program.errors];
    expect(said.length).toBeGreaterThan(0);
    expect(said.filter((line) => line.includes(PLANTED))).toEqual([]);
  });
});
