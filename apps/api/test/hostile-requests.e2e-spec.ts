import { type Client, Deployment, type MadeKey, type Problem, type Program, rawRequest } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ArtifactPage } from '../src/artifacts/artifacts.body.js';
import type { JobBody, JobPage } from '../src/jobs/job.body.js';
import type { RunPage } from '../src/runs/runs.body.js';
import { expectCleanLog } from './clean-log.js';
import { PENGUINS_CSV } from './penguins.js';
import { noop, planOf } from './plans.js';

const BODY_MAX_BYTES = 65_536;
const JSON_TYPE = { 'content-type': 'application/json' };

let deployment: Deployment;
let api: Program;
let client: Client;
let mine: MadeKey;

beforeAll(async () => {
  deployment = await Deployment.open({ SS_BODY_MAX_BYTES: String(BODY_MAX_BYTES) });
  [api] = await Promise.all([deployment.api(), deployment.worker()]);
  mine = await deployment.key(await deployment.tenant('mine'));
  client = (await deployment.client(api, 'theirs')).withKey(mine.key);
});
afterAll(async () => {
  await deployment.close();
});

/** What the refusals of a test come to, in one comparison. */
const refusalOf = ({ status, body }: { status: number; body: Problem }): [number, string] => [
  status,
  body.code,
];
const jobCount = async (): Promise<number> =>
  (await deployment.sql<{ count: number }>('SELECT count(*)::int AS count FROM job'))[0]!.count;

describe('keys', () => {
  it('are needed', async () => {
    const nobody = client.withKey(null);
    expect(refusalOf(await nobody.get<Problem>('/v1/jobs'))).toEqual([401, 'AUTH_BEARER_TOKEN_MISSING']);
    const answer = await nobody.get<Problem>('/v1/jobs', { authorization: 'Basic c3M6c3M=' });
    expect(refusalOf(answer)).toEqual([401, 'AUTH_BEARER_TOKEN_INVALID']);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('are refused alike when wrong, cut, changed, another tenant’s by name, expired or revoked', async () => {
    const [, tenant = '', keyId = '', secret = ''] = mine.key.split('.');
    const other = Buffer.from('theirs').toString('base64url');
    const revoked = await deployment.key('mine');
    const expired = await deployment.key('mine', ['jobs:read'], '2020-01-01T00:00:00Z');
    expect((await client.withKey(revoked.key).get('/v1/jobs')).status).toBe(200);
    await deployment.revoke(revoked);
    const wrong = [
      'x',
      mine.key.slice(0, -1),
      `${mine.key}x`,
      `ssk.${tenant}.${keyId}.${'A'.repeat(secret.length)}`,
      `ssk.${other}.${keyId}.${secret}`,
      `ssk.${Buffer.from('mine\0').toString('base64url')}.${keyId}.${secret}`,
      `ssk.${Buffer.from([0xff, 0xfe]).toString('base64url')}.${keyId}.${secret}`,
      'A'.repeat(3_000),
      revoked.key,
      expired.key,
    ];
    const details = new Set<string>();
    for (const key of wrong) {
      const answer = await client.withKey(key).get<Problem>('/v1/jobs');
      expect([key, ...refusalOf(answer)]).toEqual([key, 401, 'AUTH_BEARER_TOKEN_INVALID']);
      if (key.startsWith('ssk.')) details.add(answer.body.detail);
    }
    expect(details.size).toBe(1);
  });

  it('do only what their scopes say', async () => {
    const reader = client.withKey((await deployment.key('mine', ['jobs:read'])).key);
    const writer = client.withKey((await deployment.key('mine', ['jobs:read', 'jobs:write'])).key);
    const before = await jobCount();
    const refused = [
      await reader.post<Problem>('/v1/jobs', { requirement: 'x' }),
      await reader.get<Problem>('/v1/jobs/x/artifacts'),
      await reader.get<Problem>('/v1/jobs/x/artifacts/plan.json'),
      await reader.get<Problem>('/v1/jobs/x/audit'),
      await reader.post<Problem>('/v1/jobs/x/confirm'),
      await writer.post<Problem>('/v1/jobs/x/retry', { reason: 'x' }),
      await writer.post<Problem>('/v1/jobs', { plan: planOf(noop('a')), confirm: true }),
    ];
    expect(refused.map(refusalOf)).toEqual(refused.map(() => [403, 'AUTH_SCOPE_MISSING']));
    expect(await jobCount()).toBe(before);
  });
});

describe('X-SS-Tenant-ID', () => {
  it('may repeat the tenant of the key and nothing else', async () => {
    const ask = async (tenant: string): Promise<number | [number, string]> => {
      const answer = await client.get<Problem>('/v1/jobs', { 'x-ss-tenant-id': tenant });
      return answer.status === 200 ? 200 : refusalOf(answer);
    };
    expect(await ask('mine')).toBe(200);
    expect(await ask('theirs')).toEqual([403, 'TENANT_MISMATCH']);
    expect(await ask('nobody')).toEqual([403, 'TENANT_MISMATCH']);
    expect(await ask('MINE')).toEqual([403, 'TENANT_MISMATCH']);
    expect(await ask('mine, theirs')).toEqual([403, 'TENANT_MISMATCH']);
    expect(await ask(' ')).toEqual([400, 'INPUT_VALIDATION_FAILED']);
    expect(await ask('x'.repeat(2_000))).toEqual([400, 'INPUT_VALIDATION_FAILED']);
  });

  it('chooses a tenant for a platform key', async () => {
    const platform = client.withKey((await deployment.key('mine', ['platform:admin'])).key);
    const { body: job } = await platform.post<JobBody>(
      '/v1/jobs',
      { requirement: 'x' },
      { 'x-ss-tenant-id': 'theirs' },
    );
    expect(job.tenant_id).toBe('theirs');
    const unknown = await platform.get<Problem>('/v1/jobs', { 'x-ss-tenant-id': 'nobody' });
    expect(refusalOf(unknown)).toEqual([404, 'TENANT_NOT_FOUND']);
    const broken = await platform.get<Problem>('/v1/jobs', { 'x-ss-tenant-id': `it's; DROP` });
    expect(refusalOf(broken)).toEqual([404, 'TENANT_NOT_FOUND']);
  });
});

describe('another tenant’s job', () => {
  it('is not found on any route, and nothing of it changes', async () => {
    const theirs = await deployment.client(api, 'strangers');
    const { body: job } = await theirs.post<JobBody>('/v1/jobs', {
      job_id: 'secret',
      plan: planOf(noop('a')),
    });
    await theirs.upload('/v1/jobs/secret/inputs', [
      { role: 'primary_dataset', name: 'p.csv', content: PENGUINS_CSV },
    ]);
    await theirs.post('/v1/jobs/secret/confirm');
    await theirs.get('/v1/jobs/secret', { prefer: 'wait=30' });
    const seen = async (): Promise<unknown> => [
      (await theirs.get('/v1/jobs/secret')).body,
      (await theirs.get('/v1/jobs/secret/audit')).body,
      (await theirs.get('/v1/jobs/secret/draft')).body,
      (await theirs.get('/v1/jobs/secret/inputs')).body,
      await deployment.storedFiles(),
    ];
    const before = await seen();
    const run = (await theirs.get<RunPage>('/v1/jobs/secret/runs')).body.items[0]!;
    const file = (await theirs.get<ArtifactPage>('/v1/jobs/secret/artifacts')).body.items[0]!;
    const form = new FormData();
    form.append('role', 'other');
    form.append('file', new Blob(['a,b\n1,2\n']), 'x.csv');
    const attempts: readonly (readonly [method: string, path: string, body?: string | FormData])[] = [
      ['GET', ''],
      ['POST', '/confirm', '{}'],
      ['POST', '/run', '{}'],
      ['POST', '/cancel', '{"reason":"x"}'],
      ['POST', '/retry', '{"reason":"x"}'],
      ['GET', '/events'],
      ['GET', '/explain'],
      ['POST', '/inputs', form],
      ['GET', '/inputs'],
      ['GET', '/inputs/preview'],
      ['DELETE', '/inputs/p'],
      [
        'POST',
        '/inputs/presign',
        JSON.stringify({ name: 'x.csv', role: 'other', bytes: 1, sha256: 'a'.repeat(64) }),
      ],
      ['POST', `/inputs/presign/${run.run_id}/complete`, '{}'],
      ['POST', '/inputs/uploads'],
      ['GET', `/inputs/uploads/${run.run_id}`],
      ['PATCH', `/inputs/uploads/${run.run_id}`],
      ['DELETE', `/inputs/uploads/${run.run_id}`],
      ['POST', '/draft', '{}'],
      ['GET', '/draft'],
      ['PATCH', '/draft', '{"notes":"x"}'],
      ['GET', '/draft/revisions'],
      ['GET', '/draft/revisions/1'],
      ['GET', '/plan'],
      ['GET', '/runs'],
      ['GET', `/runs/${run.run_id}`],
      ['GET', '/artifacts'],
      ['GET', `/artifacts/${file.rel_path}`],
      ['GET', '/artifacts.zip'],
      ['GET', '/audit'],
      ['DELETE', '/data', '{"reason":"x"}'],
    ];
    const routes = Object.entries((await client.get<OpenApi>('/openapi.json')).body.paths)
      .filter(([path]) => path.includes('{job_id}'))
      .flatMap(([, operations]) => Object.keys(operations));
    // A route that is added is tried here too.
    expect(attempts).toHaveLength(routes.length);
    for (const [method, path, body] of attempts) {
      const headers = {
        'if-match': `"${job.version}"`,
        ...(typeof body === 'string' ? JSON_TYPE : {}),
        ...(path.includes('/uploads') ? TUS_HEADERS : {}),
      };
      const answer = await client.send<Problem>(method, `/v1/jobs/secret${path}`, headers, body);
      expect([method, path, ...refusalOf(answer)]).toEqual([method, path, 404, 'JOB_NOT_FOUND']);
      const unknown = await client.send<Problem>(method, `/v1/jobs/nobodys${path}`, headers, body);
      expect({ ...answer.body, job_id: '', request_id: '' }).toEqual({
        ...unknown.body,
        job_id: '',
        request_id: '',
      });
    }
    expect(await seen()).toEqual(before);
    expect(
      (await client.get<JobPage>('/v1/jobs?limit=200')).body.items.map(({ job_id }) => job_id),
    ).not.toContain('secret');
    // The same id is free for everyone else.
    expect((await client.post<JobBody>('/v1/jobs', { job_id: 'secret', requirement: 'x' })).status).toBe(201);
  });
});

/** An upload of ten bytes, by the protocol: refused for whose it is, not for its form. */
const TUS_HEADERS = {
  'tus-resumable': '1.0.0',
  'upload-length': '10',
  'upload-offset': '0',
  'upload-metadata': `filename ${btoa('x.csv')},role ${btoa('other')}`,
};

interface OpenApi {
  paths: Record<string, Record<string, unknown>>;
}

describe('ids and paths', () => {
  it('that are unsafe make no job', async () => {
    const before = await jobCount();
    const unsafe = [
      '..',
      '.',
      '',
      '../x',
      'a/b',
      '/etc/passwd',
      'a\\b',
      'a..b',
      '~x',
      ' x',
      'x'.repeat(1_000),
      'ä',
      'a\n',
      '-rf',
    ];
    for (const jobId of unsafe) {
      const answer = await client.post<Problem>('/v1/jobs', { job_id: jobId, requirement: 'x' });
      expect([jobId, ...refusalOf(answer)]).toEqual([jobId, 400, 'JOB_ID_UNSAFE']);
    }
    expect(refusalOf(await client.post<Problem>('/v1/jobs', { job_id: 'a\0' }))).toEqual([
      400,
      'INPUT_VALIDATION_FAILED',
    ]);
    expect(await jobCount()).toBe(before);
  });

  it('that are unsafe lead to no job and no file', async () => {
    const { body: job } = await client.post<JobBody>('/v1/jobs', { plan: planOf(noop('a')), confirm: true });
    const artifacts = `/v1/jobs/${job.job_id}/artifacts`;
    const paths = [
      ['/v1/jobs/%2e%2e', [400, 404]],
      ['/v1/jobs/..%2f..%2fetc', [400]],
      ['/v1/jobs/%00', [400]],
      ['/v1/jobs/a%5Cb', [400]],
      ['/v1/jobs/~x', [400]],
      [`/v1/jobs/${'x'.repeat(1_000)}`, [400]],
      ['/v1/jobs/%ZZ', [400]],
      ['/v1/jobs/%C3', [400]],
      ['/v1/jobs/%ED%A0%80', [400]],
      [`${artifacts}/..%2f..%2f..%2fetc%2fpasswd`, [400]],
      [`${artifacts}/%2e%2e/%2e%2e/plan.json`, [400, 404]],
      [`${artifacts}/%2fetc%2fpasswd`, [400]],
      [`${artifacts}//etc/passwd`, [400]],
      [`${artifacts}/plan.json%00`, [400]],
      [`${artifacts}/a%5C..%5Cplan.json`, [400]],
      [`${artifacts}/a//b`, [400]],
      [`${artifacts}/~id.json`, [400]],
      [`${artifacts}/${'x'.repeat(1_000)}`, [400]],
      [`${artifacts}/%ZZ`, [400]],
      [`${artifacts}/%ED%A0%80`, [400]],
      [`${artifacts}/nothing.txt`, [404]],
      [`/v1/jobs/${job.job_id}/runs/not-a-uuid`, [404]],
      [`/v1/jobs/${job.job_id}/runs/00000000-0000-0000-0000-000000000000`, [404]],
    ] as const;
    for (const [path, allowed] of paths) {
      // As raw bytes: a well-behaved client would tidy the dots away.
      const answer = await rawRequest(
        client.url,
        `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${mine.key}\r\nConnection: close\r\n\r\n`,
      );
      expect([path.slice(0, 60), answer.status]).toEqual([path.slice(0, 60), expect.any(Number)]);
      expect({ path, allowed: allowed as readonly number[] }).toEqual({
        path,
        allowed: expect.arrayContaining([answer.status]),
      });
    }
  });

  it('that no key can have are those of no key', async () => {
    for (const keyId of ['%00', 'key_%00', '%20', 'key_0', 'x'.repeat(1_000)]) {
      for (const move of ['rotate', 'revoke']) {
        const answer = await client.post<Problem>(`/v1/keys/${keyId}/${move}`, {});
        expect([keyId, move, ...refusalOf(answer)]).toEqual([keyId, move, 404, 'API_KEY_NOT_FOUND']);
      }
    }
  });

  it('with dots in the request line do not reach another route', async () => {
    const answer = await rawRequest(
      client.url,
      `GET /health/../v1/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect([401, 404]).toContain(answer.status);
  });
});

describe('bodies', () => {
  const send = async (
    body: string | Uint8Array<ArrayBuffer>,
    type = 'application/json',
  ): Promise<[number, string]> =>
    refusalOf(await client.send<Problem>('POST', '/v1/jobs', { 'content-type': type }, body));

  it('that are no JSON object are refused', async () => {
    const before = await jobCount();
    const broken = ['{', '{"requirement": }', "{'requirement': 'x'}", '{"a":1}}', 'nope', '\u0000'];
    for (const body of broken) expect([body, ...(await send(body))]).toEqual([body, 400, 'API_HTTP_ERROR']);
    for (const body of ['[]', '"x"', '7', 'true', '[{"requirement":"x"}]']) {
      expect([body, ...(await send(body))]).toEqual([body, 400, 'INPUT_VALIDATION_FAILED']);
    }
    const invalidUtf8 = Uint8Array.from([
      ...Buffer.from('{"requirement":"'),
      0xc3,
      0x28,
      ...Buffer.from('"}'),
    ]);
    expect((await client.send('POST', '/v1/jobs', JSON_TYPE, invalidUtf8)).status).toBeLessThan(500);
    expect(await jobCount()).toBeLessThanOrEqual(before + 1);
  });

  it('with text that cannot be kept, or fields that poison, are refused', async () => {
    const before = await jobCount();
    const refused: Record<string, [number, string]> = {
      '{"requirement":"a\\u0000b"}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"requirement":"\\ud800"}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"labels":{"\\udc00":"x"}}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"labels":{"a":"\\u0000"}}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"__proto__":{"requirement":"x"}}': [400, 'API_HTTP_ERROR'],
      '{"constructor":{"prototype":{"x":1}}}': [400, 'API_HTTP_ERROR'],
      '{"labels":{"__proto__":"x"}}': [400, 'API_HTTP_ERROR'],
      '{"unknown_field":1}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"requirement":7}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"requirement":["x"]}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"requirement":{"x":1}}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"priority":1e400}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"priority":1.5}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"priority":"7"}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"priority":99999999999}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"labels":[]}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"labels":{"a":1}}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"labels":{"a=b":"c"}}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"labels":"a"}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"job_id":7}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"plan":[]}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"plan":"x"}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"confirm":true}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"confirm":"yes"}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"run_after":"tomorrow"}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"run_after":"2026-01-01T00:00:00"}': [400, 'INPUT_VALIDATION_FAILED'],
      '{"run_after":"2026-02-30T00:00:00Z"}': [400, 'INPUT_VALIDATION_FAILED'],
    };
    for (const [body, wanted] of Object.entries(refused))
      expect([body, ...(await send(body))]).toEqual([body, ...wanted]);
    expect(
      await send(
        `{"labels":${JSON.stringify(Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`l${n}`, ''])))}}`,
      ),
    ).toEqual([400, 'INPUT_VALIDATION_FAILED']);
    expect(await jobCount()).toBe(before);
  });

  it('that are nested without end are refused, wherever the nesting is', async () => {
    const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
    expect(await send(deep)).toEqual([400, 'INPUT_VALIDATION_FAILED']);
    expect(await send(`{"plan":{"steps":${deep}}}`)).toEqual([400, 'INPUT_VALIDATION_FAILED']);
    expect(await send(`{"a":`.repeat(10_000))).toEqual([400, 'API_HTTP_ERROR']);
  });

  it('that are too large, of another type or of none are refused', async () => {
    const large = JSON.stringify({ requirement: 'x'.repeat(BODY_MAX_BYTES) });
    expect(await send(large)).toEqual([413, 'BODY_TOO_LARGE']);
    expect(await send('{"requirement":"x"}', 'text/plain')).toEqual([415, 'MEDIA_TYPE_UNSUPPORTED']);
    expect(await send('<a/>', 'application/xml')).toEqual([415, 'MEDIA_TYPE_UNSUPPORTED']);
    expect(await send('requirement=x', 'application/x-www-form-urlencoded')).toEqual([
      415,
      'MEDIA_TYPE_UNSUPPORTED',
    ]);
    const chunked = await rawRequest(
      client.url,
      `POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${mine.key}\r\nContent-Type: application/json\r\n` +
        `Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${BODY_MAX_BYTES.toString(16)}0\r\n${'x'.repeat(BODY_MAX_BYTES + 10)}`,
    );
    expect(chunked.status).toBe(413);
  });

  it('of queries are checked too', async () => {
    const queries: Record<string, string> = {
      'limit=0': 'INPUT_VALIDATION_FAILED',
      'limit=1e9': 'INPUT_VALIDATION_FAILED',
      'limit=x': 'INPUT_VALIDATION_FAILED',
      'status=sleeping': 'INPUT_VALIDATION_FAILED',
      'label=no-value': 'INPUT_VALIDATION_FAILED',
      'label=a%3D%00': 'INPUT_VALIDATION_FAILED',
      'other=1': 'INPUT_VALIDATION_FAILED',
      'cursor=x': 'CURSOR_INVALID',
      [`cursor=${Buffer.from('["x","y"]').toString('base64url')}`]: 'CURSOR_INVALID',
      [`cursor=${Buffer.from('[1,2]').toString('base64url')}`]: 'CURSOR_INVALID',
      [`cursor=${Buffer.from('["2026-01-01T00:00:00Z","\\u0000"]').toString('base64url')}`]: 'CURSOR_INVALID',
      [`cursor=${Buffer.from('["2026-01-01T00:00:00Z","\\ud800"]').toString('base64url')}`]: 'CURSOR_INVALID',
    };
    for (const [query, code] of Object.entries(queries)) {
      const answer = await client.get<Problem>(`/v1/jobs?${query}`);
      expect([query, ...refusalOf(answer)]).toEqual([query, 400, code]);
    }
  });
});

describe('plans', () => {
  it.each([
    ['a cycle', planOf(noop('a', { depends_on: ['b'] }), noop('b', { depends_on: ['a'] })), '/plan/steps/'],
    ['a step that waits for itself', planOf(noop('a', { depends_on: ['a'] })), '/plan/steps/0'],
    ['an unknown dependency', planOf(noop('a', { depends_on: ['nobody'] })), '/plan/steps/0/depends_on'],
    ['a duplicate step', planOf(noop('a'), noop('a')), '/plan/steps/1/step_id'],
    ['an unknown type', planOf({ step_id: 'a', type: 'shell', params: {} }), '/plan/steps/0/type'],
    [
      'an unknown profile',
      planOf({ step_id: 'a', type: 'command', params: { profile: 'bash', args: [] } }),
      '/plan/steps/0/params/profile',
    ],
    ['an unknown field', planOf({ ...noop('a'), retries: 7 }), '/plan/steps/0/retries'],
    ['no steps', planOf(), '/plan/steps'],
    ['no version', { steps: [noop('a')] }, '/plan/plan_version'],
    ['a version of the future', { plan_version: 99, steps: [noop('a')] }, '/plan/plan_version'],
    [
      'remote data in a chart',
      planOf({ step_id: 'a', type: 'chart', params: { step: 'a', spec: { data: { url: 'http://x' } } } }),
      '/plan/steps/0',
    ],
    ['a timeout without end', planOf(noop('a', { timeout_seconds: 1e9 })), '/plan/steps/0/timeout_seconds'],
  ])('with %s are refused with the place', async (_name, plan, pointer) => {
    const before = await jobCount();
    const answer = await client.post<Problem>('/v1/jobs', { plan, confirm: true });
    expect(refusalOf(answer)).toEqual([400, 'PLAN_INVALID']);
    expect(answer.body.errors!.map((fault) => fault.pointer).join(' ')).toContain(pointer);
    expect(await jobCount()).toBe(before);
  });

  it('of a draft are checked alike', async () => {
    const { body: job } = await client.post<JobBody>('/v1/jobs', { plan: planOf(noop('a')) });
    const answer = await client.patch<Problem>(
      `/v1/jobs/${job.job_id}/draft`,
      { steps: [noop('a', { depends_on: ['b'] })] },
      { 'if-match': '"2"' },
    );
    expect(refusalOf(answer)).toEqual([400, 'PLAN_INVALID']);
    expect(answer.body.errors![0]!.pointer).toMatch(/^\/steps\/0/);
    for (const body of [{}, { steps: 'x' }, { notes: 7 }, { answers: [] }, { text: null, nope: 1 }]) {
      const refused = await client.patch<Problem>(`/v1/jobs/${job.job_id}/draft`, body, {
        'if-match': '"2"',
      });
      expect([body, ...refusalOf(refused)]).toEqual([body, 400, 'INPUT_VALIDATION_FAILED']);
    }
  });
});

describe('addresses', () => {
  it('that do not exist, and methods that an address does not take, are told apart', async () => {
    expect(refusalOf(await client.get<Problem>('/v2/jobs'))).toEqual([404, 'API_NOT_FOUND']);
    expect(refusalOf(await client.get<Problem>('/'))).toEqual([404, 'API_NOT_FOUND']);
    for (const [method, path, allow] of [
      ['DELETE', '/v1/jobs', 'GET, HEAD, OPTIONS, POST'],
      ['PUT', '/v1/jobs/x/draft', 'GET, HEAD, OPTIONS, PATCH, POST'],
      ['POST', '/v1/jobs/x/artifacts/a/b', 'GET, HEAD, OPTIONS'],
      ['PATCH', '/health/live', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const answer = await client.send<Problem>(method, path);
      expect([path, ...refusalOf(answer)]).toEqual([path, 405, 'API_METHOD_NOT_ALLOWED']);
      expect(answer.headers.get('allow')).toBe(allow);
    }
  });

  it('survive what is not HTTP at all', async () => {
    for (const bytes of [
      '\0\0\0\r\n\r\n',
      'GET\r\n\r\n',
      `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(5_000)}\r\n`,
    ]) {
      expect((await rawRequest(client.url, bytes)).status).toBeGreaterThanOrEqual(400);
    }
    expect((await client.get('/v1/jobs')).status).toBe(200);
  });

  it('answer with the client’s own request id where it is a plain one', async () => {
    const given = await client.get('/v1/jobs', { 'x-ss-request-id': 'abc-123' });
    expect(given.headers.get('x-ss-request-id')).toBe('abc-123');
    const forged = await client.get('/v1/jobs', { 'x-ss-request-id': 'a b "} {' });
    expect(forged.headers.get('x-ss-request-id')).toMatch(/^[0-9a-f]{32}$/);
  });
});

it('has logged all that without a fault of its own', () => {
  expectCleanLog(deployment, [mine.key, mine.key.split('.')[3]!]);
  expect(api.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});
