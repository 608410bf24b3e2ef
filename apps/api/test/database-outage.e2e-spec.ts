import { deploySchema, EmbeddedServer, programUrl } from '#database';
import { deployQueues } from '#queue';
import { Client, Deployment, eventually, FaultProxy, type Problem, Program } from '#testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { JobBody } from '../src/jobs/job.body.js';
import { expectCleanLog } from './clean-log.js';
import { noop, planOf, sql } from './plans.js';

/** A server of this file's own, because it will be stopped. */
let server: EmbeddedServer;
let dataDir: string;
let deployment: Deployment;
let api: Program;
let worker: Program;
let client: Client;

beforeAll(async () => {
  dataDir = await mkdtemp(join(import.meta.dirname, '../../../.ss/test-outage-'));
  server = await EmbeddedServer.start({ dataDir });
  await deploySchema(server.url);
  await deployQueues(server.url);
  const urls = {
    apiUrl: await programUrl(server.url, 'ss_api'),
    workerUrl: await programUrl(server.url, 'ss_worker'),
    operatorUrl: await programUrl(server.url, 'ss_operator'),
  };
  deployment = await Deployment.on(urls);
  [api, worker] = await Promise.all([deployment.api(), deployment.worker()]);
  client = await deployment.client(api);
});
afterAll(async () => {
  await deployment.close();
  await server.stop();
  // A temporary server takes its folders with it.
  await (await EmbeddedServer.temporary({ dataDir })).stop();
});

interface Report {
  status: string;
  error: Record<string, unknown>;
}

const ready = async (program: Program): Promise<[number, Report]> => {
  const response = await fetch(`${program.url}/health/ready`);
  return [response.status, (await response.json()) as Report];
};

it('says so while the database is away, and goes on when it is back, without a restart', async () => {
  const running = await client.post<JobBody>('/v1/jobs', {
    plan: planOf(
      sql('slow', 'SELECT sum(a.range * b.range % 7) AS n FROM range(20000) AS a, range(20000) AS b'),
      noop('end', { depends_on: ['slow'] }),
    ),
    confirm: true,
  });
  await eventually(() => worker.find('SS_WORKER_RUN_START'), 10_000);
  const { port } = server;
  await server.stop();

  const refused = await client.get<Problem>('/v1/jobs');
  expect([refused.status, refused.body.code]).toEqual([503, 'DATABASE_UNAVAILABLE']);
  expect(refused.headers.get('retry-after')).not.toBeNull();
  const created = await client.post<Problem>('/v1/jobs', { requirement: 'x' });
  expect([created.status, created.body.code]).toEqual([503, 'DATABASE_UNAVAILABLE']);
  for (const program of [api, worker]) {
    expect((await fetch(`${program.url}/health/live`)).status).toBe(200);
    const [status, report] = await eventually(async () => {
      const answer = await ready(program);
      return answer[0] === 503 ? answer : null;
    });
    expect([status, Object.keys(report.error)]).toEqual([503, expect.arrayContaining(['database'])]);
    expect(JSON.stringify(report)).not.toMatch(/postgresql:|password|node_modules/);
  }

  server = await EmbeddedServer.start({ dataDir });
  expect(server.port).toBe(port);
  await eventually(async () => (await client.get('/v1/jobs')).status === 200, 15_000);
  await eventually(async () => (await ready(api))[0] === 200 && (await ready(worker))[0] === 200, 15_000);
  const next = await client.post<JobBody>('/v1/jobs', { plan: planOf(noop('a')), confirm: true });
  for (const { job_id: jobId } of [running.body, next.body]) {
    const { body } = await client.get<JobBody>(`/v1/jobs/${jobId}`, { prefer: 'wait=45' });
    expect(body).toMatchObject({ status: 'succeeded', attempts: 0 });
  }
});

/** As a crash: nothing is written any more, nobody is told good-bye. */
async function crash(): Promise<void> {
  const owner = new pg.Client({ connectionString: server.url });
  owner.on('error', () => undefined);
  await owner.connect();
  const { rows } = await owner.query<{ pid: string }>(
    `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`,
  );
  const ended = new Promise((resolve) => owner.once('end', resolve));
  process.kill(Number(rows[0]!.pid), 'SIGQUIT');
  await ended;
  await server.stop();
}

it('keeps what it acknowledged through a crash of the database, and works within five seconds of its return', async () => {
  const made = await client.post<JobBody>('/v1/jobs', { plan: planOf(noop('a')), confirm: true, hold: true });
  expect(made.status).toBe(201);
  await crash();
  expect((await client.get('/v1/jobs')).status).toBe(503);
  server = await EmbeddedServer.start({ dataDir });
  const back = performance.now();
  await eventually(async () => (await client.get(`/v1/jobs/${made.body.job_id}`)).status === 200, 5_000);
  await client.post(`/v1/jobs/${made.body.job_id}/run`);
  const { body } = await client.get<JobBody>(`/v1/jobs/${made.body.job_id}`, { prefer: 'wait=30' });
  expect(body.status).toBe('succeeded');
  expect(performance.now() - back).toBeLessThan(15_000);
});

it('waits for its database when it starts, and leaves at once when it is asked to meanwhile', async () => {
  const { port } = server;
  await server.stop();
  const waiting = Program.launch('api', deployment.place('api'));
  const leaving = Program.launch('api', deployment.place('api'));
  deployment.programs.push(waiting, leaving);
  await eventually(() => waiting.find('SS_DATABASE_AWAITED') && leaving.find('SS_DATABASE_AWAITED'), 20_000);
  const asked = performance.now();
  expect(await leaving.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - asked).toBeLessThan(3_000);
  server = await EmbeddedServer.start({ dataDir });
  expect(server.port).toBe(port);
  await eventually(() => waiting.find('SS_API_STARTUP'), 20_000);
  expect(waiting.find('SS_DATABASE_REACHED')).toBeDefined();
  expect(await waiting.stop()).toEqual({ code: 0, signal: null });
  await eventually(async () => (await ready(worker))[0] === 200, 15_000);
});

it('says so when it does not know whether a change happened, and the same key finds out', async () => {
  const proxy = await FaultProxy.before(server.url);
  const url = proxy.through(deployment.place('api').env['DATABASE_URL']!);
  const far = await deployment.api({ DATABASE_URL: url });
  const asker = new Client(far.url, client.key);
  const headers = { 'idempotency-key': 'once' };
  let inserted = false;
  // The COMMIT that follows the new row: others are about the key of the client.
  const stop = proxy.onStatement(/INSERT INTO job\b|^COMMIT$/, (statement) => {
    if (statement !== 'COMMIT') inserted = true;
    else if (inserted) return 'lose reply';
    return 'pass';
  });
  const lost = await asker.post<Problem>('/v1/jobs', { requirement: 'x' }, headers);
  stop();
  expect([lost.status, lost.body.code]).toEqual([503, 'DATABASE_COMMIT_UNKNOWN']);
  expect([lost.body.detail, lost.headers.get('retry-after')]).toEqual([
    expect.stringContaining('Idempotency-Key'),
    '2',
  ]);
  const again = await asker.post<JobBody>('/v1/jobs', { requirement: 'x' }, headers);
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);

  // Half open: accepted, and never answered.
  proxy.weather({ isSilent: true });
  const unanswered = await asker.get<Problem>('/v1/jobs');
  expect([unanswered.status, unanswered.body.code]).toEqual([503, 'DATABASE_UNAVAILABLE']);
  expect((await fetch(`${far.url}/health/live`)).status).toBe(200);
  proxy.weather({});
  await eventually(async () => (await asker.get('/v1/jobs')).status === 200, 5_000);
  expect(await far.stop()).toEqual({ code: 0, signal: null });
  await proxy.close();
});

it('logs the outage in lines that are short and tell no secret', () => {
  expectCleanLog(deployment, [client.key!, 'secretKey', 'connectionParameters']);
  for (const program of [api, worker]) {
    expect(program.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  }
});
