import { type Answer, type Client, Deployment, type Problem, type Program } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobBody } from '../src/jobs/job.body.js';
import type { KeyList, NewKeyBody } from '../src/keys/key.body.js';
import { noop, planOf, sql } from './plans.js';

const JOB = '/v1/jobs/{job_id}';

let deployment: Deployment;
let api: Program;
let client: Client;
let platform: Client;

beforeAll(async () => {
  deployment = await Deployment.open();
  [api] = await Promise.all([deployment.api(), deployment.worker()]);
  const mine = await deployment.key(await deployment.tenant('mine'));
  platform = (await deployment.client(api, 'theirs')).withKey(
    (await deployment.key('mine', ['platform:admin'])).key,
  );
  client = platform.withKey(mine.key);
});
afterAll(async () => {
  await deployment.close();
});

const fresh = async (body: object = {}): Promise<JobBody> =>
  (await client.post<JobBody>('/v1/jobs', { plan: planOf(noop('a')), ...body })).body;
const matching = ({ version }: JobBody): Record<string, string> => ({ 'if-match': `"${version}"` });
const dataset = { role: 'primary_dataset', name: 'p.csv', content: 'a,b\n1,2\n' };

/** A request that is sent with one key, again and again. */
type Sent = (key: Record<string, string>, other?: boolean) => Promise<Answer<Problem>>;

/** Null: the answer has none. */
const bodyOf = (answer: Answer<Problem>): Problem | null => (answer.bytes.length === 0 ? null : answer.body);

const newWebhook = async (): Promise<string> =>
  (await client.post<{ webhook_id: string }>('/v1/webhooks', { url: 'https://example.com/x' })).body
    .webhook_id;
const tusHeaders = (bytes: number): Record<string, string> => ({
  'tus-resumable': '1.0.0',
  'upload-length': String(bytes),
  'upload-metadata': `filename ${btoa('p.csv')},role ${btoa('primary_dataset')}`,
});

/** What files in a folder refuse: see s3-store.e2e-spec.ts. */
const NEEDS_A_BUCKET = [`${JOB}/inputs/presign`, `${JOB}/inputs/presign/{upload_id}/complete`];

/** Every POST there is. Each with a version that the first request makes an old one, where it takes one. */
const POSTS: Readonly<Record<string, () => Promise<Sent>>> = {
  '/v1/jobs': () =>
    Promise.resolve((key, other) => client.post('/v1/jobs', { requirement: other ? 'y' : 'x' }, key)),
  [`${JOB}/confirm`]: async () => {
    const job = await fresh();
    return (key, other) =>
      client.post(`/v1/jobs/${job.job_id}/confirm`, other ? { notes: 'y' } : {}, {
        ...matching(job),
        ...key,
      });
  },
  [`${JOB}/run`]: async () => {
    const job = await fresh({ confirm: true, hold: true });
    const another = await fresh({ confirm: true, hold: true });
    return (key, other) =>
      client.post(
        `/v1/jobs/${(other ? another : job).job_id}/run`,
        {},
        { ...matching(other ? another : job), ...key },
      );
  },
  [`${JOB}/cancel`]: async () => {
    const job = await fresh();
    return (key, other) =>
      client.post(
        `/v1/jobs/${job.job_id}/cancel`,
        { reason: other ? 'y' : 'x' },
        { ...matching(job), ...key },
      );
  },
  [`${JOB}/retry`]: async () => {
    const { job_id: jobId } = await fresh({ plan: planOf(sql('broken', 'SELECT no_such')), confirm: true });
    const { body: failed } = await client.get<JobBody>(`/v1/jobs/${jobId}`, { prefer: 'wait=60' });
    return (key, other) =>
      client.post(`/v1/jobs/${jobId}/retry`, { reason: other ? 'y' : 'x' }, { ...matching(failed), ...key });
  },
  [`${JOB}/inputs`]: async () => {
    const job = await fresh();
    return (key, other) =>
      client.upload(
        `/v1/jobs/${job.job_id}/inputs`,
        [{ ...dataset, content: other ? 'a,b\n3,4\n' : dataset.content }],
        { ...matching(job), ...key },
      );
  },
  [`${JOB}/draft`]: async () => {
    const job = await fresh({ plan: undefined, requirement: 'x' });
    const another = await fresh({ plan: undefined, requirement: 'x' });
    for (const { job_id: jobId } of [job, another])
      await client.upload(`/v1/jobs/${jobId}/inputs`, [dataset]);
    return (key, other) =>
      client.post(
        `/v1/jobs/${(other ? another : job).job_id}/draft`,
        {},
        { 'if-match': '"2"', prefer: 'wait=60', ...key },
      );
  },
  '/v1/keys': () =>
    Promise.resolve((key, other) =>
      client.post('/v1/keys', { name: other ? 'y' : 'x', scopes: ['jobs:read'] }, key),
    ),
  '/v1/keys/{key_id}/rotate': async () => {
    const { keyId } = await deployment.key('mine', ['jobs:read']);
    return (key, other) => client.post(`/v1/keys/${keyId}/rotate`, { overlap_seconds: other ? 9 : 0 }, key);
  },
  '/v1/keys/{key_id}/revoke': async () => {
    const { keyId } = await deployment.key('mine', ['jobs:read']);
    return (key, other) => client.post(`/v1/keys/${keyId}/revoke`, { reason: other ? 'y' : 'x' }, key);
  },
  '/v1/queues/{name}/pause': () =>
    Promise.resolve((key, other) =>
      platform.post('/v1/queues/job.draft/pause', { reason: other ? 'y' : 'x' }, key),
    ),
  '/v1/queues/{name}/resume': () =>
    Promise.resolve((key, other) =>
      platform.post('/v1/queues/job.draft/resume', { reason: other ? 'y' : 'x' }, key),
    ),
  '/v1/jobs/batch': () =>
    Promise.resolve((key, other) =>
      client.post('/v1/jobs/batch', { items: [{ requirement: other ? 'y' : 'x' }] }, key),
    ),
  '/v1/jobs/cancel': () =>
    Promise.resolve((key, other) =>
      client.post('/v1/jobs/cancel', { filter: { text: 'nobody' }, reason: other ? 'y' : 'x' }, key),
    ),
  '/v1/jobs/retry': () =>
    Promise.resolve((key, other) =>
      client.post('/v1/jobs/retry', { filter: { text: 'nobody' }, reason: other ? 'y' : 'x' }, key),
    ),
  '/v1/tasks/{task_id}/cancel': async () => {
    const body = { filter: { label: ['nobody=has this'] }, reason: 'to be ended' };
    const begun = async (): Promise<string> =>
      (await client.post<{ task_id: string }>('/v1/jobs/cancel', body)).body.task_id;
    let id = await begun();
    const another = await begun();
    return async (key, other) => {
      // The worker may be faster, now and then.
      for (let attempt = 1; ; attempt++) {
        const answer = await client.post<Problem>(
          `/v1/tasks/${other ? another : id}/cancel`,
          { reason: 'x' },
          key,
        );
        if (answer.status !== 409 || attempt === 5) return answer;
        id = await begun();
      }
    };
  },
  '/v1/webhooks': () =>
    Promise.resolve((key, other) =>
      client.post('/v1/webhooks', { url: `https://example.com/${other ? 'y' : 'x'}` }, key),
    ),
  '/v1/webhooks/{webhook_id}/rotate': async () => {
    const id = await newWebhook();
    return (key, other) => client.post(`/v1/webhooks/${id}/rotate`, { overlap_seconds: other ? 9 : 8 }, key);
  },
  ...Object.fromEntries(
    ['enable', 'test'].map((act) => [
      `/v1/webhooks/{webhook_id}/${act}`,
      async () => {
        const [id, another] = [await newWebhook(), await newWebhook()];
        return (key: Record<string, string>, other?: boolean) =>
          client.post<Problem>(`/v1/webhooks/${other ? another : id}/${act}`, {}, key);
      },
    ]),
  ),
  '/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay': async () => {
    const id = await newWebhook();
    const tested = async (): Promise<string> =>
      (await client.post<{ delivery_id: string }>(`/v1/webhooks/${id}/test`)).body.delivery_id;
    const [delivery, another] = [await tested(), await tested()];
    return (key, other) =>
      client.post(`/v1/webhooks/${id}/deliveries/${other ? another : delivery}/replay`, {}, key);
  },
  [`${JOB}/inputs/uploads`]: async () => {
    const { job_id: jobId } = await fresh();
    return (key, other) =>
      client.send('POST', `/v1/jobs/${jobId}/inputs/uploads`, { ...tusHeaders(other ? 9 : 8), ...key });
  },
};

interface OpenApi {
  paths: Record<string, { post?: { parameters?: { name: string }[] } }>;
}

describe('Idempotency-Key', () => {
  it('is taken by every POST there is, and told of in its documentation', async () => {
    const { paths } = (await client.get<OpenApi>('/openapi.json')).body;
    const posts = Object.entries(paths).filter(([, { post }]) => post !== undefined);
    // A route that is added is tried below too.
    expect(posts.map(([path]) => path).sort()).toEqual([...Object.keys(POSTS), ...NEEDS_A_BUCKET].sort());
    for (const [path, { post }] of posts) {
      const names = post!.parameters?.map(({ name }) => name);
      expect([path, names]).toEqual([path, expect.arrayContaining(['Idempotency-Key'])]);
    }
  });

  it.each(Object.entries(POSTS))(
    'makes %s once, however often it comes',
    async (path, prepare) => {
      const send = await prepare();
      const key = { 'idempotency-key': `once ${path}` };
      const first = await send(key);
      expect(first.status).toBeLessThan(300);
      expect(first.headers.get('idempotent-replayed')).toBeNull();
      const again = await send(key);
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([first.status, 'true']);
      const body = bodyOf(first);
      const secrets = ['key', 'secret'].filter((name) => body && name in body);
      const told = { ...body, ...Object.fromEntries(secrets.map((name) => [name, null])) };
      expect(bodyOf(again)).toEqual(body && told);
      expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
      const refused = await send(key, true);
      expect([refused.status, refused.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    },
    60_000,
  );

  it('makes one job of 200 identical requests at once', async () => {
    const body = { requirement: 'two hundred', labels: { of: 'two-hundred' } };
    const answers = await Promise.all(
      Array.from({ length: 200 }, () =>
        client.post<Omit<JobBody, 'status'> & Problem>('/v1/jobs', body, {
          'idempotency-key': 'two hundred',
        }),
      ),
    );
    const made = answers.filter(({ status }) => status === 201);
    // Whoever waited for too long is told to come again, and nothing else.
    for (const { status, body: told } of answers) {
      if (status !== 201) expect([status, told.code]).toEqual([409, 'IDEMPOTENCY_KEY_IN_PROGRESS']);
    }
    expect(made.filter(({ headers }) => !headers.has('idempotent-replayed'))).toHaveLength(1);
    expect(new Set(made.map(({ body: job }) => job.job_id)).size).toBe(1);
    const { items } = (await client.get<{ items: JobBody[] }>('/v1/jobs?label=of=two-hundred')).body;
    expect(items).toHaveLength(1);
  }, 60_000);

  it('makes one key of 20 requests at once, and keeps its text nowhere', async () => {
    const body = { name: 'of twenty', scopes: ['jobs:read'] };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        client.post<NewKeyBody>('/v1/keys', body, { 'idempotency-key': 'twenty' }),
      ),
    );
    const texts = answers.map(({ body: made }) => made.key).filter((key) => key !== null);
    expect(texts).toHaveLength(1);
    const { items } = (await client.get<KeyList>('/v1/keys')).body;
    expect(items.filter(({ name }) => name === 'of twenty')).toHaveLength(1);
    const kept = await deployment.sql('SELECT response_body FROM idempotency_key');
    expect(JSON.stringify(kept)).not.toContain(texts[0]!.split('.')[3]!);
  });

  it('is of 1 to 255 characters', async () => {
    const answer = await client.post<Problem>('/v1/jobs', {}, { 'idempotency-key': 'x'.repeat(256) });
    expect([answer.status, answer.body.code]).toEqual([400, 'INPUT_VALIDATION_FAILED']);
  });
});

describe('without a key', () => {
  it('a job_id that there is already is refused, with the place of the job', async () => {
    const { job_id: jobId } = await fresh({ job_id: 'mine-alone' });
    const answer = await client.post<Problem>('/v1/jobs', { job_id: jobId, requirement: 'x' });
    expect([answer.status, answer.body.code]).toEqual([409, 'JOB_ALREADY_EXISTS']);
    expect(answer.headers.get('location')).toBe('/v1/jobs/mine-alone');
  });
});

describe('versions', () => {
  it('let one of 64 changes at once win, and tell the others the one that there is now', async () => {
    const job = await fresh();
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, n) =>
        client.patch<Omit<JobBody, 'status'> & Problem>(
          `/v1/jobs/${job.job_id}/draft`,
          { notes: `edit ${n}` },
          matching(job),
        ),
      ),
    );
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    const version = won[0]!.body.version;
    for (const { status, body, headers } of answers) {
      if (status === 200) continue;
      expect([status, body.code, headers.get('etag')]).toEqual([412, 'JOB_VERSION_CONFLICT', `"${version}"`]);
      expect(body).toMatchObject({ current_version: version });
    }
    const without = await client.patch<Problem>(`/v1/jobs/${job.job_id}/draft`, { notes: 'x' });
    expect([without.status, without.body.code]).toEqual([428, 'IF_MATCH_REQUIRED']);
  }, 60_000);

  it('spare a client what it has already, on every read under a key', async () => {
    const job = await fresh();
    const at = `/v1/jobs/${job.job_id}`;
    for (const path of [
      at,
      `${at}/draft`,
      `${at}/inputs`,
      `${at}/runs`,
      '/v1/jobs',
      '/v1/keys',
      '/v1/quota',
    ]) {
      const read = await client.get(path);
      const tag = read.headers.get('etag');
      expect([path, tag]).toEqual([path, expect.stringMatching(/^(W\/)?"[\w-]+"$/)]);
      for (const known of [tag!, `"old", ${tag!}`, `W/${tag!.replace('W/', '')}`, '*']) {
        const same = await client.get(path, { 'if-none-match': known });
        expect([path, known, same.status, same.bytes.length]).toEqual([path, known, 304, 0]);
        expect(same.headers.get('etag')).toBe(tag);
      }
      expect((await client.get(path, { 'if-none-match': '"old"' })).status).toBe(200);
    }
    await client.post(`${at}/cancel`, { reason: 'x' });
    expect((await client.get(at, { 'if-none-match': `"${job.version}"` })).status).toBe(200);
  });
});
