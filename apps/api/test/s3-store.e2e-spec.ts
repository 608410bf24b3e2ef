import { type Client, Deployment, eventually, type Problem, type Program, S3Server } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import type { ArtifactPage } from '../src/artifacts/artifacts.body.js';
import type { InputsBody, PreviewBody } from '../src/inputs/inputs.body.js';
import type { JobBody } from '../src/jobs/job.body.js';
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
