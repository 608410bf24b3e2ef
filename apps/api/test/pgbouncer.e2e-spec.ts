import {
  type Client,
  Deployment,
  eventually,
  type PgBouncer,
  pgBouncerProgram,
  type Program,
  startPgBouncer,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobBody } from '../src/jobs/job.body.js';
import { expectCleanLog } from './clean-log.js';
import { noop, planOf, sql } from './plans.js';

const isInstalled = pgBouncerProgram() !== null;
if (!isInstalled) process.stderr.write('PgBouncer is not installed: its tests are skipped\n');

let db: TestDatabase;
let pooler: PgBouncer;
let deployment: Deployment;
let api: Program;
let worker: Program;
let client: Client;

beforeAll(async () => {
  if (!isInstalled) return;
  db = await testDatabase();
  pooler = await startPgBouncer({ logins: db.logins, poolSize: 3 });
  // No DATABASE_DIRECT_URL: the worker has to find its work by looking.
  deployment = await Deployment.on(db.through((url) => pooler.through(url)));
  [api, worker] = await Promise.all([deployment.api(), deployment.worker()]);
  client = await deployment.client(api);
});
afterAll(async () => {
  if (!isInstalled) return;
  await deployment.close();
  await pooler.close();
  await db.drop();
});

(isInstalled ? describe : describe.skip)('both programs behind PgBouncer in transaction mode', () => {
  it('carry jobs of two tenants from the request to the result', async () => {
    const other = await deployment.client(api);
    const made = await Promise.all(
      [client, other, client, other].map(async (asker) => {
        const plan = planOf(sql('one', 'SELECT 1 AS n'), noop('two', { depends_on: ['one'] }));
        const { body } = await asker.post<JobBody>('/v1/jobs', { plan, confirm: true });
        return { asker, jobId: body.job_id };
      }),
    );
    for (const { asker, jobId } of made) {
      const { body } = await asker.get<JobBody>(`/v1/jobs/${jobId}`, { prefer: 'wait=45' });
      expect(body.status).toBe('succeeded');
      const stranger = asker === client ? other : client;
      expect((await stranger.get(`/v1/jobs/${jobId}`)).status).toBe(404);
    }
  });

  it('are ready, and the worker says once that it does not hear notifications', async () => {
    for (const program of [api, worker])
      expect((await fetch(`${program.url}/health/ready`)).status).toBe(200);
    await eventually(() => worker.find('SS_DATABASE_NOT_LISTENING'), 10_000);
    const warnings = [...api.log, ...worker.log].filter(({ level }) => level === 'warn');
    expect(warnings.map(({ event }) => event)).toEqual(['SS_DATABASE_NOT_LISTENING']);
    expectCleanLog(deployment, [client.key!]);
  });
});
