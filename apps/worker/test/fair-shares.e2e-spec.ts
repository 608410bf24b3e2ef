import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Client, Deployment, eventually, NOOP_PLAN } from '#testing';

interface Job {
  job_id: string;
  status: string;
}

const SLOTS = 2;
const FLOOD = 150;

let deployment: Deployment;
let flooding: Client;
let newcomer: Client;

beforeAll(async () => {
  deployment = await Deployment.open({ SS_WORKER_CONCURRENCY: String(SLOTS) });
  const api = await deployment.api();
  [flooding, newcomer] = await Promise.all([
    deployment.client(api, 'flooding'),
    deployment.client(api, 'newcomer'),
  ]);
});
afterAll(async () => {
  await deployment.close();
});

const submit = async (by: Client): Promise<string> => {
  const answer = await by.post<Job>('/v1/jobs', { plan: NOOP_PLAN, confirm: true });
  expect(answer.body.status).toBe('queued');
  return answer.body.job_id;
};

/** How many of the flood have been begun. */
const begun = async (): Promise<number> => {
  const rows = await deployment.sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM run WHERE tenant_id = 'flooding'`,
  );
  return rows[0]!.count;
};

it('P9: behind a flood of another tenant a job begins within two claims of every slot', async () => {
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      for (let n = 0; n < FLOOD / 10; n++) await submit(flooding);
    }),
  );
  await deployment.worker();
  await eventually(async () => (await begun()) >= 10);
  const jobId = await submit(newcomer);
  const job = await newcomer.get<Job>(`/v1/jobs/${jobId}`, { prefer: 'wait=60' });
  expect(job.body.status).toBe('succeeded');
  expect(await begun()).toBeLessThan(FLOOD);
  // Of the flood, what was begun between the newcomer's entry into the queue and its start; by the database's clock.
  const [overtaken] = await deployment.sql<{ count: number }>(
    `SELECT count(*)::int AS count
     FROM run AS theirs
     JOIN job AS mine ON mine.tenant_id = 'newcomer' AND mine.job_id = $1
     WHERE theirs.tenant_id = 'flooding' AND theirs.started_at BETWEEN mine.queued_at AND mine.started_at`,
    [jobId],
  );
  expect(overtaken!.count).toBeLessThanOrEqual(2 * SLOTS);
});
