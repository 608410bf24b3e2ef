import {
  type Answer,
  type Client,
  Deployment,
  type Problem,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ssctl } from '../../ssctl/test/ssctl.js';
import type { JobBody } from '../src/jobs/job.body.js';
import { expectCleanLog } from './clean-log.js';
import { planOf, sql } from './plans.js';

const PERSONAL = 'Zebrafink';
const TABLE = 'artifacts/tables/read.csv';

interface OpenApi {
  components: { schemas: { JobBody: { properties: object } } };
}

let database: TestDatabase;
let deployment: Deployment;
let client: Client;

beforeAll(async () => {
  database = await testDatabase();
  deployment = await Deployment.on(database);
  const [api] = await Promise.all([deployment.api(), deployment.worker()]);
  client = await deployment.client(api, 'mine');
});
afterAll(async () => {
  await deployment.close();
  await database.drop();
});

async function aJobThatRan(jobId: string): Promise<void> {
  const body = { job_id: jobId, requirement: PERSONAL, plan: planOf(sql('read', 'SELECT who FROM p')) };
  await client.post('/v1/jobs', body);
  await client.upload(`/v1/jobs/${jobId}/inputs`, [
    { role: 'primary_dataset', name: 'p.csv', content: `who\n${PERSONAL}\n` },
  ]);
  await client.post(`/v1/jobs/${jobId}/confirm`);
  const { body: job } = await client.get<JobBody>(`/v1/jobs/${jobId}`, { prefer: 'wait=60' });
  expect([job.status, job.erased_at]).toEqual(['succeeded', null]);
  expect((await client.get(`/v1/jobs/${jobId}/${TABLE}`)).bytes.toString()).toContain(PERSONAL);
}

const erase = <Body>(
  by: Client,
  jobId: string,
  body: object = { reason: 'asked to' },
): Promise<Answer<Body>> =>
  by.send<Body>(
    'DELETE',
    `/v1/jobs/${jobId}/data`,
    { 'content-type': 'application/json' },
    JSON.stringify(body),
  );

it('takes both scopes, a reason, and a job that has ended', async () => {
  await aJobThatRan('kept');
  for (const scopes of [['tenant:admin'], ['jobs:read', 'jobs:write', 'jobs:confirm']]) {
    const refused = await erase<Problem>(client.withKey((await deployment.key('mine', scopes)).key), 'kept');
    expect([refused.status, refused.body.code]).toEqual([403, 'AUTH_SCOPE_MISSING']);
  }
  const bare = await client.delete<Problem>('/v1/jobs/kept/data');
  expect([bare.status, bare.body.code]).toEqual([400, 'REASON_REQUIRED']);
  await client.post('/v1/jobs', { job_id: 'open', requirement: 'x' });
  const early = await erase<Problem>(client, 'open');
  expect([early.status, early.body.code]).toEqual([409, 'JOB_NOT_ENDED']);
  const stale = await client.delete<Problem>('/v1/jobs/kept/data', { 'if-match': '"1"', 'x-ss-reason': 'x' });
  expect([stale.status, stale.body.code]).toEqual([412, 'JOB_VERSION_CONFLICT']);
  expect((await client.get(`/v1/jobs/kept/${TABLE}`)).status).toBe(200);
});

it('leaves an empty job that says so, 410 for what is gone, and no file', async () => {
  const before = await deployment.storedFiles();
  await aJobThatRan('erased');
  const { status, headers, body } = await erase<JobBody>(client, 'erased');
  expect([status, body.status, body.requirement]).toEqual([200, 'succeeded', null]);
  expect(Date.parse(body.erased_at ?? '')).not.toBeNaN();
  expect(headers.get('etag')).toBe(`"${String(body.version)}"`);
  expect((await client.get<JobBody>('/v1/jobs/erased')).body).toEqual(body);
  // Nothing of the row that no client is told of.
  const { components } = (await client.get<OpenApi>('/openapi.json')).body;
  expect(Object.keys(body).sort()).toEqual(Object.keys(components.schemas.JobBody.properties).sort());
  for (const path of [TABLE, 'artifacts/plan.json', 'plan', 'draft', 'inputs/preview']) {
    const gone = await client.get<Problem>(`/v1/jobs/erased/${path}`);
    expect([path, gone.status, gone.body.code]).toEqual([path, 410, 'JOB_DATA_ERASED']);
  }
  for (const path of ['artifacts', 'inputs', 'draft/revisions', 'runs', 'audit']) {
    const answer = await client.get(`/v1/jobs/erased/${path}`);
    expect([path, answer.status]).toEqual([path, 200]);
    expect(answer.bytes.toString()).not.toContain(PERSONAL);
  }
  const retried = await client.post<Problem>('/v1/jobs/erased/retry', { reason: 'x' });
  expect([retried.status, retried.body.code]).toEqual([410, 'JOB_DATA_ERASED']);
  expect(await deployment.storedFiles()).toEqual(before);
});

it('is an operator’s as well, and the audit verifies', async () => {
  await aJobThatRan('by-operator');
  const env = {
    DATABASE_URL: database.operatorUrl,
    SS_DATA_DIR: deployment.folder,
    SS_ARTIFACTS_DIR: deployment.artifactsDir,
  };
  const run = (...args: string[]) => ssctl([...args, '--json'], env, deployment.folder);
  const erased = await run('job', 'erase', 'by-operator', '--tenant', 'mine', '--reason', 'asked to');
  expect([erased.code, erased.errors]).toEqual([0, '']);
  expect(JSON.parse(erased.output)).toMatchObject({ job_id: 'by-operator', status: 'succeeded' });
  expect((await client.get(`/v1/jobs/by-operator/${TABLE}`)).status).toBe(410);
  const rows = await database.sql(
    `SELECT actor_kind, source, reason FROM audit_event WHERE action = 'job.data_erased' AND resource_id = 'by-operator'`,
  );
  expect(rows).toEqual([{ actor_kind: 'operator', source: 'ssctl', reason: 'asked to' }]);
  const missing = await run('job', 'erase', 'nobody', '--tenant', 'mine', '--reason', 'asked to');
  expect([missing.code, JSON.parse(missing.output)]).toMatchObject([1, { error: { code: 'JOB_NOT_FOUND' } }]);
  await run('audit', 'seal');
  expect(JSON.parse((await run('audit', 'verify')).output)).toMatchObject({ ok: true, first_bad: null });
});

it('has met no fault, and said no word of the data', () => {
  expectCleanLog(deployment, [PERSONAL]);
});
