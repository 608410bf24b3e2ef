import { type Client, Deployment, eventually, type Problem, type Program } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { Upload } from 'tus-js-client';
import type { AuditPage } from '../src/audit/audit.body.js';
import type { InputsBody } from '../src/inputs/inputs.body.js';
import type { JobBody } from '../src/jobs/job.body.js';
import type { UploadState } from '../src/uploads/uploads.body.js';
import { PENGUINS_CSV } from './penguins.js';

const TUS = { 'tus-resumable': '1.0.0' };
const NEXT = { ...TUS, 'content-type': 'application/offset+octet-stream' };
const BYTES = Buffer.from(PENGUINS_CSV);

let deployment: Deployment;
let api: Program;
let client: Client;
let others: Client;

beforeAll(async () => {
  deployment = await Deployment.open();
  api = await deployment.api();
  client = await deployment.client(api, 'mine');
  others = await deployment.client(api, 'others');
});
afterAll(async () => {
  await deployment.close();
});

const pair = (name: string, value: string): string => `${name} ${Buffer.from(value).toString('base64')}`;
const metadata = (name = 'penguins.csv', role = 'primary_dataset'): string =>
  `${pair('filename', name)},${pair('role', role)}`;

async function aJob(by: Client = client): Promise<string> {
  const { body } = await by.post<JobBody>('/v1/jobs', { requirement: 'x' });
  return `/v1/jobs/${body.job_id}`;
}

async function begun(job: string, bytes = BYTES.length, name?: string): Promise<string> {
  const answer = await client.send('POST', `${job}/inputs/uploads`, {
    ...TUS,
    'upload-length': String(bytes),
    'upload-metadata': metadata(name),
  });
  expect([answer.status, answer.headers.get('upload-offset')]).toEqual([201, '0']);
  return answer.headers.get('location')!;
}

const send = (
  at: string,
  from: number,
  bytes: Uint8Array<ArrayBuffer>,
  by = client,
): ReturnType<typeof client.send<Problem>> =>
  by.send<Problem>('PATCH', at, { ...NEXT, 'upload-offset': String(from) }, bytes);
const partialFiles = (): Promise<string[]> => readdir(join(deployment.folder, 'uploads'));

describe('a resumable upload', () => {
  it('of a client from npm becomes a dataset, as any other, and is on the audit', async () => {
    const job = await aJob();
    await new Promise<void>((resolve, reject) => {
      new Upload(BYTES, {
        endpoint: `${api.url}${job}/inputs/uploads`,
        headers: { authorization: `Bearer ${client.key ?? ''}` },
        metadata: { filename: 'penguins.csv', role: 'primary_dataset' },
        chunkSize: 4_096,
        retryDelays: null,
        onSuccess: () => {
          resolve();
        },
        onError: reject,
      }).start();
    });
    const { body } = await client.get<InputsBody>(`${job}/inputs`);
    expect(body.datasets).toMatchObject([
      {
        dataset_key: 'penguins',
        role: 'primary_dataset',
        bytes: BYTES.length,
        sha256: createHash('sha256').update(BYTES).digest('hex'),
        row_count: 344,
      },
    ]);
    const { items } = (await client.get<AuditPage>(`${job}/audit`)).body;
    expect(items.map(({ action }) => action)).toContain('job.inputs_added');
    const [announced] = await deployment.sql(
      `SELECT metadata FROM audit_event WHERE action = 'upload.announced' AND tenant_id = 'mine' ORDER BY occurred_at DESC LIMIT 1`,
    );
    expect(announced).toMatchObject({ metadata: { way: 'resumable', bytes: BYTES.length } });
    expect(await partialFiles()).toEqual([]);
  });

  it('goes on where a broken connection left it', async () => {
    const job = await aJob();
    const at = await begun(job);
    const half = BYTES.subarray(0, 6_000);
    await new Promise<void>((resolve) => {
      const broken = request(`${api.url}${at}`, {
        method: 'PATCH',
        headers: {
          ...NEXT,
          authorization: `Bearer ${client.key ?? ''}`,
          'upload-offset': '0',
          'content-length': String(BYTES.length),
        },
      });
      broken.on('error', () => {
        resolve();
      });
      broken.write(half);
      void eventually(async () => (await client.send('HEAD', at)).headers.get('upload-offset') !== '0').then(
        () => broken.destroy(new Error('the train is in a tunnel')),
      );
    });
    const look = await client.send('HEAD', at);
    expect([look.status, look.headers.get('upload-length'), look.headers.get('cache-control')]).toEqual([
      200,
      String(BYTES.length),
      'no-store',
    ]);
    const offset = Number(look.headers.get('upload-offset'));
    expect(offset).toBe(half.length);
    const early = await send(at, 1, BYTES.subarray(1));
    expect([early.status, early.body.code]).toEqual([409, 'UPLOAD_OFFSET_CONFLICT']);
    const rest = await eventually(async () => {
      const answer = await send(at, offset, BYTES.subarray(offset));
      return answer.status === 204 ? answer : null;
    });
    expect(rest.headers.get('upload-offset')).toBe(String(BYTES.length));
    expect((await client.get<InputsBody>(`${job}/inputs`)).body.datasets).toMatchObject([{ row_count: 344 }]);
    // Whoever lost the last answer asks again, and learns that it is done.
    expect((await client.get<UploadState>(at)).body).toMatchObject({
      received_bytes: BYTES.length,
      finished: true,
    });
    const twice = await send(at, BYTES.length, new Uint8Array(0));
    expect([twice.status, twice.body.code]).toEqual([404, 'UPLOAD_NOT_FOUND']);
    expect((await client.get<InputsBody>(`${job}/inputs`)).body.datasets).toHaveLength(1);
  });

  it('that brings all of its bytes at once is done once, however often it is begun', async () => {
    const job = await aJob();
    const begin = (): ReturnType<typeof client.send> =>
      client.send(
        'POST',
        `${job}/inputs/uploads`,
        {
          ...NEXT,
          ...{ 'upload-length': String(BYTES.length), 'upload-metadata': metadata() },
          'idempotency-key': `all at once ${job}`,
        },
        BYTES,
      );
    const first = await begin();
    expect([first.status, first.headers.get('upload-offset')]).toEqual([201, String(BYTES.length)]);
    const again = await begin();
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    for (const name of ['location', 'upload-offset', 'upload-length'])
      expect([name, again.headers.get(name)]).toEqual([name, first.headers.get(name)]);
    expect((await client.get<InputsBody>(`${job}/inputs`)).body.datasets).toMatchObject([{ row_count: 344 }]);
    expect(await partialFiles()).toEqual([]);
  });

  it('is nobody else’s, and not another job’s', async () => {
    const job = await aJob();
    const at = await begun(job);
    const elsewhere = at.replace(job, await aJob());
    for (const [by, path, code] of [
      [others, at, 'JOB_NOT_FOUND'],
      [client, elsewhere, 'UPLOAD_NOT_FOUND'],
      [client, at.replace(/[^/]+$/, 'x'), 'UPLOAD_NOT_FOUND'],
    ] as const) {
      for (const answer of [
        await by.get<Problem>(path),
        await send(path, 0, BYTES, by),
        await by.delete<Problem>(path),
      ]) {
        expect([answer.status, answer.body.code]).toEqual([404, code]);
      }
    }
    expect((await client.send('HEAD', at)).headers.get('upload-offset')).toBe('0');
    expect((await client.delete(at)).status).toBe(204);
    expect((await client.get<Problem>(at)).status).toBe(404);
    expect(await partialFiles()).toEqual([]);
  });

  it('that cannot become a dataset is refused as soon as that is clear, and nothing of it is kept', async () => {
    const job = await aJob();
    const open = (headers: Record<string, string>): ReturnType<typeof client.send<Problem>> =>
      client.send<Problem>('POST', `${job}/inputs/uploads`, headers);
    const whole = { ...TUS, 'upload-length': '10', 'upload-metadata': metadata() };
    const { 'upload-length': _length, ...endless } = whole;
    for (const [headers, status, code] of [
      [{ ...whole, 'tus-resumable': '0.2.2' }, 412, 'UPLOAD_VERSION_UNSUPPORTED'],
      [{ ...endless, 'upload-defer-length': '1' }, 400, 'UPLOAD_REQUEST_INVALID'],
      [{ ...whole, 'upload-length': '0' }, 400, 'UPLOAD_REQUEST_INVALID'],
      [{ ...whole, 'upload-metadata': metadata('x.exe') }, 400, 'INPUT_UNSUPPORTED_FORMAT'],
      [{ ...whole, 'upload-length': String(2 ** 40) }, 413, 'UPLOAD_FILE_SIZE_LIMIT_EXCEEDED'],
    ] as const) {
      const refused = await open(headers);
      expect([refused.status, refused.body.code]).toEqual([status, code]);
    }
    const noise = Buffer.from('PAR1 this is no parquet');
    const at = await begun(job, noise.length, 'noise.parquet');
    const refused = await send(at, 0, noise);
    expect([refused.status, refused.body.code]).toEqual([400, 'INPUT_PARSE_FAILED']);
    expect((await client.get<Problem>(at)).body.code).toBe('UPLOAD_NOT_FOUND');
    const long = await begun(job, 10);
    expect((await send(long, 0, Buffer.alloc(20))).status).toBe(413);
    await client.delete(long);
    expect(await partialFiles()).toEqual([]);
  });

  it('takes of the tenant’s storage what it announces', async () => {
    const job = await aJob(others);
    const operator = client.withKey((await deployment.key('mine', ['platform:admin'])).key);
    const quota = JSON.stringify({ storage_bytes: 1_000, upload_bytes: 800 });
    const headers = { 'content-type': 'application/json' };
    expect((await operator.send('PUT', '/v1/tenants/others/quota', headers, quota)).status).toBe(200);
    const open = (bytes: number): ReturnType<typeof client.send<Problem>> =>
      others.send<Problem>('POST', `${job}/inputs/uploads`, {
        ...TUS,
        'upload-length': String(bytes),
        'upload-metadata': metadata('x.csv', 'other'),
      });
    expect((await open(900)).body.code).toBe('UPLOAD_FILE_SIZE_LIMIT_EXCEEDED');
    const first = await open(600);
    expect(first.status).toBe(201);
    expect((await open(600)).body.code).toBe('QUOTA_STORAGE_EXCEEDED');
    expect((await others.delete(first.headers.get('location')!)).status).toBe(204);
    expect((await open(600)).status).toBe(201);
  });
});

describe('OPTIONS', () => {
  it('tells what of the protocol is spoken, without a key', async () => {
    for (const path of ['/v1/jobs/any/inputs/uploads', '/v1/jobs/any/inputs/uploads/any']) {
      const { status, headers } = await client.withKey(null).send('OPTIONS', path);
      expect([path, status, headers.get('tus-version')]).toEqual([path, 204, '1.0.0']);
      expect(headers.get('tus-extension')?.split(',')).toEqual(
        expect.arrayContaining(['creation', 'expiration', 'termination']),
      );
      expect(Number(headers.get('tus-max-size'))).toBeGreaterThan(1_000_000);
    }
    expect((await client.send('OPTIONS', '/v1/jobs')).headers.get('tus-version')).toBeNull();
  });
});

describe('an upload past the API', () => {
  it('is not to be had where files lie in a folder', async () => {
    const file = { name: 'x.csv', role: 'other', bytes: 3, sha256: 'a'.repeat(64) };
    const refused = await client.post<Problem>(`${await aJob()}/inputs/presign`, file);
    expect([refused.status, refused.body.code]).toEqual([501, 'PRESIGN_UNSUPPORTED']);
    // Nothing of the service has failed, so nobody is to be woken.
    const told = await eventually(() => api.find('SS_API_REFUSED', { code: 'PRESIGN_UNSUPPORTED' }));
    expect(told['level']).toBe('info');
  });
});
