import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, Deployment, type Problem, rawRequest, type Upload } from '#testing';
import type { InputsBody } from '../src/inputs/inputs.body.js';
import type { JobBody } from '../src/jobs/job.body.js';
import { expectCleanLog } from './clean-log.js';
import { planOf, sql } from './plans.js';

const CANARY = 'capybara';
interface Refusal extends Problem {
  current: number;
}

let deployment: Deployment;
let client: Client;
let operator: Client;
let tenantId: string;

beforeAll(async () => {
  deployment = await Deployment.open();
  const [api] = await Promise.all([deployment.api(), deployment.worker()]);
  tenantId = await deployment.tenant();
  client = new Client(api.url, (await deployment.key(tenantId)).key);
  operator = client.withKey((await deployment.key(await deployment.tenant(), ['platform:admin'])).key);
});
afterAll(async () => {
  await deployment.close();
});

const limitTo = async (quota: object): Promise<void> => {
  const headers = { 'content-type': 'application/json' };
  const path = `/v1/tenants/${tenantId}/quota`;
  expect((await operator.send('PUT', path, headers, JSON.stringify(quota))).status).toBe(200);
};
const stored = async (): Promise<number> =>
  (await client.get<{ current: { storage_bytes: number } }>('/v1/quota')).body.current.storage_bytes;
const newJob = async (): Promise<string> =>
  `/v1/jobs/${(await client.post<JobBody>('/v1/jobs', { requirement: 'x' })).body.job_id}`;
/** A table of exactly so many bytes. */
function csv(bytes: number, name = 'a.csv'): Upload {
  const head = `${CANARY},b\n${'1,2\n'.repeat((bytes - 40) / 4)}1,`;
  return { role: 'other', name, content: `${head.padEnd(bytes - 1, '2')}\n` };
}

describe('a file that is larger than the tenant may upload', () => {
  it('is refused on its way, with all that came before it in the upload', async () => {
    await limitTo({ upload_bytes: 1_000 });
    const path = await newJob();
    const before = [(await client.get(path)).body, await deployment.storedFiles()];
    const refused = await client.upload<Problem>(`${path}/inputs`, [csv(900), csv(2_000, 'b.csv')]);
    expect([refused.status, refused.body]).toMatchObject([
      413,
      { code: 'UPLOAD_FILE_SIZE_LIMIT_EXCEEDED', limit: 1_000, current: expect.any(Number) },
    ]);
    expect([(await client.get(path)).body, await deployment.storedFiles()]).toEqual(before);
    expect((await client.upload(`${path}/inputs`, [csv(900), csv(1_000, 'b.csv')])).status).toBe(201);
  });

  it('is refused by its length, before any of it has come', async () => {
    await limitTo({ upload_bytes: 1_000 });
    const answer = await declaredUpload(await newJob(), 1_000_000);
    expect(answer).toMatchObject({ code: 'UPLOAD_FILE_SIZE_LIMIT_EXCEEDED', status: 413, limit: 1_000 });
  });

  it('may be of any size again once the limit is gone', async () => {
    await limitTo({});
    expect((await client.upload(`${await newJob()}/inputs`, [csv(200_000)])).status).toBe(201);
  });
});

/** Says that so many bytes will come, sends the head alone, and reads what it is told. */
async function declaredUpload(path: string, bytes: number): Promise<Problem> {
  const { text } = await rawRequest(
    client.url,
    `POST ${path}/inputs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${client.key!}\r\n` +
      `Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${String(bytes)}\r\n\r\n`,
  );
  return JSON.parse(text) as Problem;
}

describe('the storage of a tenant', () => {
  it('takes of ten uploads at once exactly those that fit, and of the others nothing is left', async () => {
    const [before, filesBefore] = [await stored(), await deployment.storedFiles()];
    await limitTo({ storage_bytes: before + 4_500 });
    const jobs = await Promise.all(Array.from({ length: 10 }, newJob));
    const answers = await Promise.all(
      jobs.map((path) => client.upload<InputsBody & Refusal>(`${path}/inputs`, [csv(1_000)])),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect([answers.filter(({ status }) => status === 201).length, refused.length]).toEqual([4, 6]);
    for (const { body, headers } of refused) {
      expect(body).toMatchObject({ code: 'QUOTA_STORAGE_EXCEEDED', limit: before + 4_500 });
      expect(body.current).toBeGreaterThan(before + 3_500);
      expect(headers.get('retry-after')).toBe('60');
    }
    expect(await stored()).toBe(before + 4_000);
    expect((await deployment.storedFiles()).length).toBe(filesBefore.length + 4);

    // What goes makes room.
    const kept = jobs[answers.findIndex(({ status }) => status === 201)]!;
    const free = jobs[answers.findIndex(({ status }) => status === 429)]!;
    expect((await client.upload(`${free}/inputs`, [csv(1_000)])).status).toBe(429);
    expect((await client.delete(`${kept}/inputs/a`)).status).toBe(200);
    expect((await client.upload(`${free}/inputs`, [csv(1_000)])).status).toBe(201);
  });

  it('refuses by its length what cannot fit, before any of it has come', async () => {
    const limit = (await stored()) + 10;
    await limitTo({ storage_bytes: limit });
    const problem = await declaredUpload(await newJob(), 1_000_000);
    expect(problem).toMatchObject({ code: 'QUOTA_STORAGE_EXCEEDED', limit, current: limit - 10 });
  });

  it('fails a step that makes more than fits, at once, and keeps neither its files nor their rows', async () => {
    await limitTo({});
    const steps = [
      sql('small', 'SELECT 1 AS one'),
      sql('big', `SELECT range AS n, md5(range::text) AS x FROM range(20000)`, { depends_on: ['small'] }),
    ];
    const plan = { ...planOf(...steps), retry: { max_attempts: 5, backoff_base_seconds: 0 } };
    const { body: held } = await client.post<JobBody>('/v1/jobs', { plan, confirm: true, hold: true });
    const path = `/v1/jobs/${held.job_id}`;
    await limitTo({ storage_bytes: (await stored()) + 50_000 });
    await client.post(`${path}/run`);
    const { body: job } = await client.get<JobBody>(path, { prefer: 'wait=30' });
    expect(job).toMatchObject({
      status: 'failed',
      attempts: 1,
      error: { code: 'QUOTA_STORAGE_EXCEEDED', step_id: 'big' },
    });
    const { body: runs } = await client.get<{ items: object[] }>(`${path}/runs`);
    expect(runs.items).toMatchObject([
      {
        outcome: 'failed',
        error: { code: 'QUOTA_STORAGE_EXCEEDED' },
        steps: [{ outcome: 'succeeded' }, { outcome: 'failed', error: { code: 'QUOTA_STORAGE_EXCEEDED' } }],
      },
    ]);
    const rows = await deployment.sql(`SELECT rel_path FROM artifact WHERE job_id = $1 AND step_id = 'big'`, [
      held.job_id,
    ]);
    expect(rows).toEqual([]);
    expect((await deployment.storedFiles()).filter((file) => file.includes('/big.'))).toEqual([]);

    // With room for it a retry goes on after the step that is done.
    await limitTo({});
    await client.post(`${path}/retry`, { reason: 'there is room now' });
    expect((await client.get<JobBody>(path, { prefer: 'wait=30' })).body.status).toBe('succeeded');
    expect((await deployment.storedFiles()).some((file) => file.includes('/big.'))).toBe(true);
  });

  it('shows in the metrics how often it was full, and of whom nowhere', async () => {
    const { bytes } = await client.get('/metrics');
    const counted = /ss_quota_refusals_total\{code="QUOTA_STORAGE_EXCEEDED"\} (\d+)/.exec(bytes.toString());
    expect(Number(counted?.[1])).toBeGreaterThan(6);
    expect(bytes.toString()).not.toContain(tenantId);
    expectCleanLog(deployment, [CANARY]);
  });
});
