import { type Client, Deployment, type Problem, type Program, rawRequest } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { JobBody } from '../src/jobs/job.body.js';
import { noop, planOf } from './plans.js';

const ORIGIN = 'https://app.example.org';
const JSON_TYPE = { 'content-type': 'application/json' };

let deployment: Deployment;
let api: Program;
let client: Client;

beforeAll(async () => {
  deployment = await Deployment.open({
    SS_CORS_ORIGINS: `${ORIGIN}, https://other.example.org`,
    SS_URL_MAX_BYTES: '1024',
    SS_HEADERS_MAX_BYTES: '16384',
    SS_JSON_MAX_KEYS: '200',
    SS_JSON_MAX_DEPTH: '12',
    SS_HEADERS_TIMEOUT_SECONDS: '1',
    SS_SLOW_BODY_SECONDS: '1',
    SS_BODY_MIN_BYTES_PER_SECOND: '1000',
  });
  api = await deployment.api();
  client = await deployment.client(api);
});
afterAll(async () => {
  await deployment.close();
});

interface OpenApi {
  paths: Record<string, Record<string, unknown>>;
}

const refusalOf = ({ status, body }: { status: number; body: Problem }): [number, string] => [
  status,
  body.code,
];

/** The bytes as they come, which `fetch` would unpack. */
async function asSent(
  path: string,
  headers: Record<string, string>,
): Promise<{ headers: Record<string, unknown>; bytes: Buffer }> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(`${client.url}${path}`, {
      headers: { authorization: `Bearer ${client.key!}`, ...headers },
    });
    sent.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ headers: response.headers, bytes: Buffer.concat(chunks) });
      });
    });
    sent.end();
  });
}

/** Sends a head and then single bytes, until the other side has had enough. */
async function trickle(head: string): Promise<string> {
  const { hostname, port } = new URL(client.url);
  const socket = connect({ host: hostname, port: Number(port) });
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  socket.on('error', () => undefined);
  socket.write(head);
  const drip = setInterval(() => socket.write('x'), 50);
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(drip);
  return answer;
}

describe('a refusal', () => {
  it.each([
    ['GET', '/', {}, 404, 'API_NOT_FOUND'],
    ['GET', '/v1/nothing', {}, 404, 'API_NOT_FOUND'],
    ['DELETE', '/v1/jobs', {}, 405, 'API_METHOD_NOT_ALLOWED'],
    ['GET', '/v1/jobs', { accept: 'text/html' }, 406, 'NOT_ACCEPTABLE'],
    ['POST', '/v1/jobs', { 'content-type': 'text/csv' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['POST', '/v1/jobs', { ...JSON_TYPE, 'content-encoding': 'gzip' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['OPTIONS', '/v1/nothing', {}, 404, 'API_NOT_FOUND'],
  ])('of %s %s with %j is a problem', async (method, path, headers, status, code) => {
    const given = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const answer = await rawRequest(
      client.url,
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.key!}\r\n${given.join('')}` +
        `Connection: close\r\n${method === 'POST' ? 'Content-Length: 2\r\n\r\n{}' : '\r\n'}`,
    );
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([status, { code, status }]);
    expect(answer.headers.get('x-ss-request-id')).toMatch(/^\w{32}$/);
    if (status === 405) expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST');
  });

  it('of an address or a head that is too long is one too', async () => {
    const long = await client.get<Problem>(`/v1/jobs?cursor=${'x'.repeat(1_100)}`);
    expect(refusalOf(long)).toEqual([414, 'URI_TOO_LONG']);
    const large = await client.get<Problem>('/v1/jobs', { 'x-large': 'x'.repeat(20_000) });
    expect(refusalOf(large)).toEqual([431, 'API_HTTP_ERROR']);
  });

  it('names each parameter of the query that the route does not have', async () => {
    const { paths } = (await client.get<OpenApi>('/openapi.json')).body;
    const reads = Object.entries(paths).filter(([path, at]) => path.startsWith('/v1/') && 'get' in at);
    const operator = client.withKey(
      (await deployment.key(await deployment.tenant(), ['platform:admin'])).key,
    );
    for (const [path] of reads) {
      const answer = await operator.get<Problem>(`${path.replaceAll(/\{[^}]+\}/g, '1')}?no_such=1`);
      expect([path, ...refusalOf(answer)]).toEqual([path, 400, 'INPUT_VALIDATION_FAILED']);
      expect(answer.body.errors).toEqual([{ pointer: '/no_such', detail: expect.any(String) }]);
    }
    expect(reads.length).toBeGreaterThan(15);
  });

  it('meets JSON that is deeper, or of more fields, than it may be', async () => {
    const deep = `{"plan":${'['.repeat(20)}${']'.repeat(20)}}`;
    const many = JSON.stringify({ plan: { steps: Array.from({ length: 300 }, () => 1) } });
    for (const body of [deep, many]) {
      const answer = await client.send<Problem>('POST', '/v1/jobs', JSON_TYPE, body);
      expect(refusalOf(answer)).toEqual([400, 'INPUT_VALIDATION_FAILED']);
      expect(answer.body.errors![0]!.detail).toMatch(/12 levels|200 fields/);
    }
  });
});

describe('HEAD and OPTIONS', () => {
  it('are taken wherever GET is, and tell what GET does and which methods there are', async () => {
    const { body: job } = await client.post<JobBody>('/v1/jobs', { plan: planOf(noop('a')) });
    for (const path of ['/v1/jobs', `/v1/jobs/${job.job_id}`, '/v1/quota', '/openapi.json', '/health/live']) {
      const [got, head, options] = [
        await client.get(path),
        await client.send('HEAD', path),
        await client.withKey(null).send('OPTIONS', path),
      ];
      expect([path, head.status, head.bytes.length]).toEqual([path, got.status, 0]);
      for (const name of ['etag', 'content-type', 'cache-control']) {
        // A report of health tells its own latencies.
        expect([path, name, head.headers.get(name)]).toEqual([path, name, got.headers.get(name)]);
      }
      expect([path, options.status]).toEqual([path, 204]);
      expect(options.headers.get('allow')?.split(', ')).toEqual(
        expect.arrayContaining(['GET', 'HEAD', 'OPTIONS']),
      );
    }
  });
});

describe('an answer', () => {
  it('is packed as the client asks, and tells caches that it depends on that', async () => {
    for (let made = 0; made < 3; made += 1) await client.post('/v1/jobs', { requirement: 'x'.repeat(500) });
    const plain = await asSent('/v1/jobs', {});
    expect(plain.headers['content-encoding']).toBeUndefined();
    for (const [encoding, unpack] of [
      ['br', brotliDecompressSync],
      ['gzip', gunzipSync],
    ] as const) {
      const packed = await asSent('/v1/jobs', { 'accept-encoding': encoding });
      expect(packed.headers).toMatchObject({
        'content-encoding': encoding,
        vary: expect.stringContaining('accept-encoding'),
      });
      expect(packed.bytes.length).toBeLessThan(plain.bytes.length / 2);
      expect(unpack(packed.bytes)).toEqual(plain.bytes);
      expect(packed.headers['etag']).toBe(plain.headers['etag']);
    }
  });

  it('that a strong ETag names, or that holds a secret, is sent as it is', async () => {
    const { body: job } = await client.post<JobBody>('/v1/jobs', { requirement: 'x'.repeat(5_000) });
    const read = await asSent(`/v1/jobs/${job.job_id}`, { 'accept-encoding': 'br, gzip' });
    expect([read.headers['etag'], read.headers['content-encoding']]).toEqual(['"1"', undefined]);
    const key = await client.post('/v1/keys', { name: 'x'.repeat(200), scopes: ['jobs:read'] });
    expect(key.headers.get('content-encoding')).toBeNull();
    expect(key.headers.get('cache-control')).toBe('no-store');
  });

  it('tells browsers to load, frame, guess and keep nothing', async () => {
    for (const path of ['/v1/jobs', '/v1/nothing', '/openapi.json']) {
      const { headers } = await client.get(path);
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': expect.stringContaining("default-src 'none'"),
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
      });
    }
    expect((await client.get('/v1/jobs')).headers.get('cache-control')).toBe('private, no-cache');
    expect((await client.get('/docs')).headers.get('content-security-policy')).toContain("script-src 'self'");
  });
});

describe('a page of another origin', () => {
  const preflight = async (origin: string): Promise<Headers> => {
    const asked = {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    return (await client.withKey(null).send('OPTIONS', '/v1/jobs', asked)).headers;
  };

  it('may call where its origin is configured, and read our headers', async () => {
    const headers = await preflight(ORIGIN);
    expect(headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(headers.get('access-control-allow-methods')).toContain('POST');
    expect(headers.get('access-control-allow-headers')).toContain('authorization');
    const answer = await client.get('/v1/jobs', { origin: ORIGIN });
    expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    const exposed = answer.headers.get('access-control-expose-headers')?.split(', ');
    // What a page needs to go on with an upload is among them.
    const wanted = ['X-SS-Request-Id', 'Location', 'Tus-Resumable', 'Upload-Offset', 'Upload-Length'];
    expect(exposed).toEqual(expect.arrayContaining(wanted));
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    expect(answer.headers.get('vary')?.toLowerCase()).toContain('origin');
  });

  it('may not where it is not', async () => {
    for (const origin of [
      'https://evil.example.org',
      'null',
      `${ORIGIN}.evil.org`,
      'http://app.example.org',
    ]) {
      expect((await preflight(origin)).get('access-control-allow-origin')).toBeNull();
      const { headers } = await client.get('/v1/jobs', { origin });
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});

describe('a slow client', () => {
  const headers = (): string => `Host: x\r\nAuthorization: Bearer ${client.key!}\r\n`;

  it('is cut when its head does not come', async () => {
    expect(await trickle('GET /v1/jobs HTTP/1.1\r\nX-Slow: ')).toMatch(/^HTTP\/1\.1 408 /);
  }, 20_000);

  /** A resumable upload of 100,000 bytes. */
  const begun = async (): Promise<string> => {
    const metadata = `filename ${btoa('x.csv')},role ${btoa('other')}`;
    const tus = { 'tus-resumable': '1.0.0', 'upload-length': '100000', 'upload-metadata': metadata };
    return (await client.send('POST', '/v1/jobs/slow/inputs/uploads', tus)).headers.get('location')!;
  };

  it.each([
    ['JSON', 'POST', '/v1/jobs', 'application/json'],
    ['an upload', 'POST', '/v1/jobs/slow/inputs', 'multipart/form-data; boundary=b'],
    ['a resumable upload', 'PATCH', null, 'application/offset+octet-stream'],
  ])(
    'is cut when its body trickles, %s',
    async (_what, method, path, type) => {
      await client.post('/v1/jobs', { job_id: 'slow' });
      const part = `--b\r\nContent-Disposition: form-data; name="role"\r\n\r\nother\r\n--b\r\n`;
      const answer = await trickle(
        `${method} ${path ?? (await begun())} HTTP/1.1\r\n${headers()}Content-Type: ${type}\r\n` +
          `Content-Length: 100000\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\r\n` +
          (type.startsWith('multipart') ? part : '{'),
      );
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
      expect(answer).toContain('REQUEST_TOO_SLOW');
      expect((await client.get('/v1/jobs/slow')).status).toBe(200);
    },
    20_000,
  );
});
