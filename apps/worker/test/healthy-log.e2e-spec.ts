import { type Client, Deployment, eventually, type Program } from '#testing';
import { faultsOfLine } from '#observability';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const PENGUINS = readFileSync(join(import.meta.dirname, '../../../examples/penguins.csv'), 'utf8');
const QUESTION = 'Compare body mass between species of penguins and show it as a chart';
const STORIES = 4;
const QUICK_JOBS = 120;

let deployment: Deployment;
let client: Client;
let programs: Program[];

beforeAll(async () => {
  // Side work comes often, so that a short stretch holds what otherwise takes an hour.
  deployment = await Deployment.open({
    ...{ SS_QUEUE_RECONCILE_SECONDS: '1', SS_AUDIT_SEAL_SECONDS: '1', SS_JOB_RETENTION_SWEEP_SECONDS: '60' },
  });
  programs = await Promise.all([deployment.api(), deployment.worker(), deployment.worker()]);
  client = await deployment.client(programs[0]!);
});
afterAll(async () => {
  await deployment.close();
});

/** What `ssctl demo` tells: from the data and a question to figures and a chart. */
async function story(): Promise<string> {
  const { body: job } = await client.post<{ job_id: string }>('/v1/jobs', { requirement: QUESTION });
  const path = `/v1/jobs/${job.job_id}`;
  await client.upload(`${path}/inputs`, [
    { role: 'primary_dataset', name: 'penguins.csv', content: PENGUINS },
  ]);
  await client.post(`${path}/draft`);
  await eventually(
    async () => (await client.get<{ status: string }>(path)).body.status === 'draft_ready',
    60_000,
  );
  await client.post(`${path}/confirm`);
  return job.job_id;
}

async function quickJob(): Promise<string> {
  const plan = { plan_version: 2, steps: [{ step_id: 's1', type: 'noop', params: {} }] };
  return (await client.post<{ job_id: string }>('/v1/jobs', { plan, confirm: true })).body.job_id;
}

it('has no line that worries anyone while all is well: stories, many jobs, a worker that is replaced', async () => {
  const stories = Array.from({ length: STORIES }, story);
  const before = await Promise.all(Array.from({ length: QUICK_JOBS / 2 }, quickJob));
  const leaving = programs[2]!;
  const [end] = await Promise.all([leaving.stop(), deployment.worker()]);
  expect(end).toEqual({ code: 0, signal: null });
  const after = await Promise.all(Array.from({ length: QUICK_JOBS / 2 }, quickJob));
  const jobs = [...(await Promise.all(stories)), ...before, ...after];
  await eventually(async () => {
    const [open] = await deployment.sql<{ count: number }>(
      `SELECT count(*) FROM job WHERE status <> 'succeeded'`,
    );
    return open!.count === 0;
  }, 90_000);
  expect(jobs).toHaveLength(STORIES + QUICK_JOBS);
  for (const program of deployment.programs) {
    if (program !== leaving) expect(await program.stop()).toEqual({ code: 0, signal: null });
  }

  const lines = deployment.programs.flatMap((program) => program.log);
  // They are there: the stretch is told of, request by request and run by run.
  const count = (event: string): number => lines.filter((line) => line.event === event).length;
  expect(count('SS_WORKER_RUN_DONE')).toBe(jobs.length);
  expect(count('SS_DRAFT_DONE')).toBeGreaterThanOrEqual(STORIES);
  expect(count('SS_API_REQUEST')).toBeGreaterThan(jobs.length);
  expect(count('SS_WORKER_SHUTDOWN_COMPLETE')).toBe(3);
  expect(lines.filter(({ level }) => level !== 'info')).toEqual([]);
  expect(lines.flatMap((line) => faultsOfLine(line))).toEqual([]);
});
