import {
  type Answer,
  type Client,
  Deployment,
  eventually,
  type Problem,
  type Program,
  S3Server,
} from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import type { ArtifactPage } from '../src/artifacts/artifacts.body.js';
import type { InputsBody, PreviewBody } from '../src/inputs/inputs.body.js';
import type { JobBody } from '../src/jobs/job.body.js';
import type { PresignedBody } from '../src/uploads/uploads.body.js';
import { expectCleanLog } from './clean-log.js';
import { PENGUINS_CSV } from './penguins.js';

const JOB = '/v1/jobs/penguins-in-a-bucket';

let s3: S3Server;
let deployment: Deployment;
let api: Program;
let client: Client;

beforeAll(async () => {
  s3 = await S3Server.start();
  deployment = await Deployment.open(s3.env);
  [api] = await Promise.all([deployment.api(), deployment.worker()]);
  client = await deployment.client(api, 'palmer');
});
afterAll(async () => {
  await deployment.close();
  await s3.remove();
});

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

describe('a deployment whose files are in a bucket', () => {
  it('takes datasets and tells what is in them', async () => {
    await client.post('/v1/jobs', {
      job_id: 'penguins-in-a-bucket',
      requirement: 'Compare body_mass_g between species.',
    });
    const { status, body } = await client.upload<InputsBody>(`${JOB}/inputs`, [
      { role: 'primary_dataset', name: 'penguins.csv', content: PENGUINS_CSV },
    ]);
    expect(status).toBe(201);
    expect(body.datasets).toMatchObject([{ sha256: sha256(PENGUINS_CSV), row_count: 344 }]);
    const [dataset] = (await client.get<PreviewBody>(`${JOB}/inputs/preview?rows=2`)).body.datasets;
    expect(dataset!.sample_rows).toHaveLength(2);
  });

  it('carries the job out, and gives its artifacts, whole and in ranges', async () => {
    const { headers } = await client.post(`${JOB}/draft`, {}, { prefer: 'wait=30' });
    await client.post(`${JOB}/confirm`, {}, { 'if-match': headers.get('etag')! });
    const { body: job } = await client.get<JobBody>(JOB, { prefer: 'wait=60' });
    expect(job).toMatchObject({ status: 'succeeded', attempts: 0 });
    const { body } = await client.get<ArtifactPage>(`${JOB}/artifacts`);
    expect(body.items.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['plan.json', 'table.csv', 'table.parquet', 'chart.svg']),
    );
    for (const artifact of body.items) {
      const path = `${JOB}/artifacts/${artifact.rel_path}`;
      const { status, bytes } = await client.get(path);
      expect([artifact.rel_path, status, sha256(bytes)]).toEqual([artifact.rel_path, 200, artifact.sha256]);
      const part = await client.get(path, { range: 'bytes=1-3' });
      expect([part.status, part.bytes]).toEqual([206, bytes.subarray(1, 4)]);
    }
    expect(await deployment.storedFiles()).toEqual([]);
  });

  it('takes a dataset past the API, if it is the one that was announced', async () => {
    const job = '/v1/jobs/past-the-api';
    await client.post('/v1/jobs', { job_id: 'past-the-api', requirement: 'x' });
    const announced = {
      name: 'penguins.csv',
      role: 'primary_dataset',
      bytes: Buffer.byteLength(PENGUINS_CSV),
      sha256: sha256(PENGUINS_CSV),
    };
    const presigned = await client.post<PresignedBody>(`${job}/inputs/presign`, announced);
    expect(presigned.status).toBe(201);
    const { url, headers, upload_id: uploadId } = presigned.body;
    const complete = <Body>(): Promise<Answer<Body>> =>
      client.post<Body>(`${job}/inputs/presign/${uploadId}/complete`);
    const put = async (body: string): Promise<number> =>
      (
        await fetch(url, {
          method: 'PUT',
          headers: { ...headers, 'content-length': String(body.length) },
          body,
        })
      ).status;
    const early = await complete<Problem>();
    expect([early.status, early.body.code]).toEqual([409, 'UPLOAD_INCOMPLETE']);
    // This server compares no checksum, unlike Amazon's; so it is we who find out.
    expect(await put(PENGUINS_CSV.replaceAll('Adelie', 'Eideli'))).toBe(200);
    const wrong = await complete<Problem>();
    expect([wrong.status, wrong.body.code]).toEqual([409, 'UPLOAD_CHECKSUM_MISMATCH']);
    expect(await put(PENGUINS_CSV)).toBe(200);
    const done = await complete<InputsBody>();
    expect([done.status, done.body.datasets]).toMatchObject([
      200,
      [{ sha256: announced.sha256, row_count: 344 }],
    ]);
    expect((await complete<InputsBody>()).body).toEqual(done.body);
    const left = await deployment.sql<{ action: string; actor_kind: string }>(
      `SELECT action, actor_kind FROM audit_event WHERE request_id = ANY($1) ORDER BY event_id`,
      [[presigned, done].map((answer) => answer.headers.get('x-ss-request-id'))],
    );
    expect(left).toEqual([
      { action: 'upload.announced', actor_kind: 'api_key' },
      { action: 'job.inputs_added', actor_kind: 'api_key' },
    ]);
    expect((await client.delete(`${job}/inputs/penguins`)).status).toBe(200);
  });

  it('keeps nothing of a job whose data are erased, nor of a dataset that was taken away', async () => {
    const other = '/v1/jobs/changed-its-mind';
    await client.post('/v1/jobs', { job_id: 'changed-its-mind', requirement: 'x' });
    const file = { role: 'primary_dataset', name: 'penguins.csv', content: PENGUINS_CSV };
    await client.upload(`${other}/inputs`, [file]);
    expect((await client.delete(`${other}/inputs/penguins`)).status).toBe(200);
    expect(await client.delete(`${JOB}/data`, { 'x-ss-reason': 'asked for' })).toMatchObject({
      status: 200,
    });
    expect(await s3.files()).toEqual([]);
  });

  it('is not ready without the bucket, says so, and keeps nothing of an upload', async () => {
    const job = '/v1/jobs/during-the-outage';
    await client.post('/v1/jobs', { job_id: 'during-the-outage', requirement: 'x' });
    expect((await client.get('/health/ready')).status).toBe(200);
    await s3.stop();
    const refused = await client.upload<Problem>(`${job}/inputs`, [
      { role: 'primary_dataset', name: 'penguins.csv', content: PENGUINS_CSV },
    ]);
    expect([refused.status, refused.body.code]).toEqual([503, 'ARTIFACT_STORE_UNAVAILABLE']);
    expect((await client.get<InputsBody>(`${job}/inputs`)).body.datasets).toEqual([]);
    const down = await eventually(async () => {
      const answer = await client.get<Record<string, unknown>>('/health/ready');
      return answer.status === 503 ? answer : null;
    });
    expect(down.body['error']).toMatchObject({ artifacts: { cause: 'unreachable' } });
  });

  it('tells nothing of the account in its logs', () => {
    expectCleanLog(deployment, [s3.env['AWS_SECRET_ACCESS_KEY']!]);
  });
});
