import { deploySchema, EmbeddedServer, programUrl } from '#database';
import { deployQueues } from '#queue';
import { type Client, Deployment, eventually, type Problem, type Program } from '#testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
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

it('logs the outage in lines that are short and tell no secret', () => {
  expectCleanLog(deployment, [client.key!, 'secretKey', 'connectionParameters']);
  for (const program of [api, worker]) {
    expect(program.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  }
});
