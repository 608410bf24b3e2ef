import { type Client, Deployment, eventually, type Problem, type Program } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { ArtifactPage } from '../src/artifacts/artifacts.body.js';
import type { JobBody } from '../src/jobs/job.body.js';
import { expectCleanLog } from './clean-log.js';
import { planOf, sql } from './plans.js';

let deployment: Deployment;

beforeAll(async () => {
  deployment = await Deployment.open();
});
afterAll(async () => {
  await deployment.close();
});

const FIRST_HALF =
  '--b\r\nContent-Disposition: form-data; name="role"\r\n\r\nprimary_dataset\r\n' +
  '--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\n1,';
const SECOND_HALF = '2\n\r\n--b--\r\n';

/** A client that has sent half of an upload. What it is answered comes from `finish`. */
async function halfAnUpload(client: Client): Promise<{ socket: Socket; finish: () => Promise<string> }> {
  const { body: job } = await client.post<JobBody>('/v1/jobs', { requirement: 'x' });
  const { hostname, port } = new URL(client.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString())).on('error', () => undefined);
  socket.write(
    `POST /v1/jobs/${job.job_id}/inputs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.key!}\r\n` +
      `Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${String(FIRST_HALF.length + SECOND_HALF.length)}\r\n\r\n` +
      FIRST_HALF,
  );
  // Sent later and answered: so the half has long arrived.
  for (let later = 0; later < 3; later++) await client.get('/v1/jobs');
  expect(answer).toBe('');
  const finish = async (): Promise<string> => {
    const closed = once(socket, 'close');
    socket.write(SECOND_HALF);
    await closed;
    return answer;
  };
  return { socket, finish };
}

/** One connection that stays open between requests. */
function keptAlive(client: Client): (path: string) => Promise<{ answer: IncomingMessage; problem: Problem }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return async (path) => {
    const headers = { authorization: `Bearer ${client.key!}` };
    const asking = request(`${client.url}${path}`, { agent, headers }).end();
    // What `response` brings.
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    // Without an encoding these are buffers.
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
    return { answer, problem: JSON.parse(Buffer.concat(chunks).toString()) as Problem };
  };
}

const complete = (api: Program): unknown => api.find('SS_API_SHUTDOWN_COMPLETE');
const statusOf = async (api: Program, probe: string): Promise<number> =>
  (await fetch(`${api.url}/health/${probe}`)).status;

describe('an API that is asked to stop', () => {
  it('answers the upload that is in flight, refuses what comes then, and leaves with 0', async () => {
    const api = await deployment.api();
    const client = await deployment.client(api);
    const ask = keptAlive(client);
    expect((await ask('/v1/jobs')).answer.statusCode).toBe(200);
    const { finish } = await halfAnUpload(client);

    api.signal('SIGTERM');
    await eventually(() => api.find('SS_API_SHUTDOWN_DRAINING'));
    expect([await statusOf(api, 'live'), await statusOf(api, 'ready')]).toEqual([200, 503]);
    const { answer, problem } = await ask('/v1/jobs');
    expect([answer.statusCode, problem.code]).toEqual([503, 'SERVICE_SHUTTING_DOWN']);
    expect([answer.headers.connection, answer.headers['retry-after']]).toEqual(['close', '2']);

    const uploaded = await finish();
    expect(uploaded).toMatch(/^HTTP\/1\.1 201 /);
    expect(uploaded.toLowerCase()).toContain('connection: close');
    expect(await api.ended).toEqual({ code: 0, signal: null });
    expect(api.find('SS_API_SHUTDOWN_REQUESTED')).toMatchObject({ signal: 'SIGTERM', in_flight: 1 });
    expect(complete(api)).toMatchObject({ in_flight: 1, answered: 1, refused: 1, cut: 0, abandoned: 0 });
  });

  it('waits no longer than its grace for a client that never reads, and leaves with 1', async () => {
    const [api] = await Promise.all([
      deployment.api({ SS_API_SHUTDOWN_GRACE_SECONDS: '1' }),
      deployment.worker(),
    ]);
    const client = await deployment.client(api);
    const big = sql('big', `SELECT range AS n, repeat('x', 1000) AS x FROM range(40000)`);
    const { body: job } = await client.post<JobBody>('/v1/jobs', { plan: planOf(big), confirm: true });
    await client.get(`/v1/jobs/${job.job_id}`, { prefer: 'wait=45' });
    const { body } = await client.get<ArtifactPage>(`/v1/jobs/${job.job_id}/artifacts`);
    const table = body.items.find(({ bytes }) => Number(bytes) > 20_000_000)!;

    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname).pause();
    socket.on('error', () => undefined);
    socket.write(
      `GET /v1/jobs/${job.job_id}/artifacts/${table.rel_path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.key!}\r\n\r\n`,
    );
    for (let later = 0; later < 3; later++) await client.get('/v1/jobs');
    const asked = performance.now();
    expect(await api.stop()).toEqual({ code: 1, signal: null });
    expect(performance.now() - asked).toBeLessThan(5_000);
    expect(complete(api)).toMatchObject({ level: 'warn', in_flight: 1, answered: 0, cut: 1 });
    socket.destroy();
  });

  it('waits no longer when it is asked again', async () => {
    const api = await deployment.api({ SS_API_SHUTDOWN_GRACE_SECONDS: '600' });
    const { socket } = await halfAnUpload(await deployment.client(api));
    api.signal('SIGINT');
    await eventually(() => api.find('SS_API_SHUTDOWN_DRAINING'));
    const asked = performance.now();
    expect(await api.stop('SIGINT')).toEqual({ code: 1, signal: null });
    expect(performance.now() - asked).toBeLessThan(5_000);
    expect(api.find('SS_API_SHUTDOWN_HURRIED')).toBeDefined();
    expect(complete(api)).toMatchObject({ in_flight: 1, cut: 1 });
    socket.destroy();
  });

  it('fails its readiness first and goes on taking work, for as long as it is told to', async () => {
    const api = await deployment.api({ SS_API_SHUTDOWN_DELAY_SECONDS: '2' });
    const client = await deployment.client(api);
    api.signal('SIGTERM');
    await eventually(async () => (await statusOf(api, 'ready')) === 503, 1_500);
    expect((await client.post<JobBody>('/v1/jobs', { requirement: 'x' })).status).toBe(201);
    expect(api.find('SS_API_SHUTDOWN_DRAINING')).toBeUndefined();
    expect(await api.ended).toEqual({ code: 0, signal: null });
    expect(complete(api)).toMatchObject({ in_flight: 1, answered: 1, refused: 0, cut: 0 });
  });

  it('tells all of it in clean lines', () => {
    expectCleanLog(deployment, ['Bearer']);
  });
});
