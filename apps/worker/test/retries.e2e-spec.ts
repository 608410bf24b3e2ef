import { type Client, Deployment, type Program } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';

interface Job {
  job_id: string;
  status: string;
  attempts: number;
  error: { code: string; step_id?: string } | null;
}

interface Run {
  run_id: string;
  attempt: number;
  outcome: string | null;
  error: { code: string } | null;
  started_at: string;
  ended_at: string;
  steps: { step_id: string; outcome: string | null; resumed_from: string | null }[];
}

/** Fails until it was started as often as its second argument says; the first names the file that counts. */
const FLAKY = `
  const { appendFileSync, readFileSync } = require('node:fs');
  appendFileSync(process.argv[1], '.');
  process.exit(readFileSync(process.argv[1], 'utf8').length < Number(process.argv[2]) ? 7 : 0);`;
/** Does not care whether it is asked to end. */
const STUBBORN = `process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000);`;

let deployment: Deployment;
let client: Client;
let worker: Program;

beforeAll(async () => {
  deployment = await Deployment.open();
  const profile = (script: string): object => ({ command: process.execPath, fixed_args: ['-e', script] });
  const env = {
    SS_COMMAND_PROFILES: await deployment.commandProfiles({
      flaky: profile(FLAKY),
      stubborn: profile(STUBBORN),
    }),
  };
  client = await deployment.client(await deployment.api(env));
  worker = await deployment.worker({ ...env, SS_WORKER_CONCURRENCY: '2' });
});
afterAll(async () => {
  await deployment.close();
});

const command = (profile: string, args: string[], more: object = {}): object => ({
  step_id: profile,
  type: 'command',
  params: { profile, args },
  ...more,
});
const table = { step_id: 'before', type: 'sql', params: { sql: 'SELECT 1 AS one' } };

async function run(plan: object): Promise<{ path: string; job: Job; runs: Run[] }> {
  const { body, status } = await client.post<Job>('/v1/jobs', {
    plan: { plan_version: 2, ...plan },
    confirm: true,
  });
  expect(status).toBe(201);
  return ended(`/v1/jobs/${body.job_id}`);
}

async function ended(path: string): Promise<{ path: string; job: Job; runs: Run[] }> {
  const { body: job } = await client.get<Job>(path, { prefer: 'wait=30' });
  const { body: page } = await client.get<{ items: Run[] }>(`${path}/runs`);
  return { path, job, runs: page.items };
}

describe('a job whose plan asks for another try', () => {
  it('gets it after a pause, and goes on after the steps that are done', async () => {
    const counter = join(deployment.folder, 'two');
    const retry = { max_attempts: 5, backoff_base_seconds: 1, codes: ['COMMAND_FAILED'] };
    const flaky = command('flaky', [counter, '3'], { depends_on: ['before'] });
    const { job, runs } = await run({ steps: [table, flaky], retry });
    expect(job).toMatchObject({ status: 'succeeded', attempts: 2, error: null });
    expect(runs.map(({ outcome, attempt, error }) => [outcome, attempt, error?.code])).toEqual([
      ['failed', 1, 'COMMAND_FAILED'],
      ['failed', 2, 'COMMAND_FAILED'],
      ['succeeded', 3, undefined],
    ]);
    const [first] = runs;
    expect(runs.map(({ steps }) => steps[0])).toEqual([
      expect.objectContaining({ step_id: 'before', outcome: 'succeeded', resumed_from: null }),
      expect.objectContaining({ step_id: 'before', outcome: 'succeeded', resumed_from: first!.run_id }),
      expect.objectContaining({ step_id: 'before', outcome: 'succeeded', resumed_from: first!.run_id }),
    ]);
    // Half of the pause is chance: 0.5 to 1 s after the first, 1 to 2 s after the second.
    const pauses = [0, 1].map((n) => Date.parse(runs[n + 1]!.started_at) - Date.parse(runs[n]!.ended_at));
    expect(pauses[0]).toBeGreaterThanOrEqual(500);
    expect(pauses[1]).toBeGreaterThanOrEqual(1_000);
  });

  it('ends when all tries are used, and really runs again when somebody asks', async () => {
    const counter = join(deployment.folder, 'exhausted');
    const retry = { max_attempts: 2, backoff_base_seconds: 0, codes: ['COMMAND_FAILED'] };
    const { path, job, runs } = await run({ steps: [command('flaky', [counter, '3'])], retry });
    expect(job).toMatchObject({
      status: 'failed',
      attempts: 2,
      error: { code: 'COMMAND_FAILED', step_id: 'flaky' },
    });
    expect(runs).toHaveLength(2);
    await client.post(`${path}/retry`, { reason: 'it may work now' });
    expect(await ended(path)).toMatchObject({
      job: { status: 'succeeded', attempts: 0 },
      runs: [{ outcome: 'failed' }, { outcome: 'failed' }, { outcome: 'succeeded', attempt: 1 }],
    });
  });

  it('gets none for a failure that would come again', async () => {
    const steps = [{ step_id: 'wrong', type: 'sql', params: { sql: 'SELECT nothing_like_this' } }];
    const { job, runs } = await run({ steps, retry: { max_attempts: 5, backoff_base_seconds: 0 } });
    expect(job).toMatchObject({ status: 'failed', attempts: 1, error: { code: 'SQL_FAILED' } });
    expect(runs).toHaveLength(1);
  });
});

describe('a deadline', () => {
  it('of a step ends it, also one that does not care, and its time is told', async () => {
    const { job, runs } = await run({ steps: [command('stubborn', [], { timeout_seconds: 1 })] });
    expect(job).toMatchObject({ status: 'failed', error: { code: 'STEP_TIMED_OUT', step_id: 'stubborn' } });
    expect(runs).toMatchObject([{ outcome: 'timed_out', steps: [{ outcome: 'timed_out' }] }]);
    const took = Date.parse(runs[0]!.ended_at) - Date.parse(runs[0]!.started_at);
    // The step's time, what a process that was asked gets to end, and the work around it.
    expect(took).toBeLessThan(8_000);
  });

  it('of the plan ends the run, whichever step is under way', async () => {
    const steps = [table, command('stubborn', [], { depends_on: ['before'] })];
    const { job, runs } = await run({ steps, timeout_seconds: 3 });
    expect(job).toMatchObject({ status: 'failed', error: { code: 'RUN_TIMED_OUT' } });
    expect(runs).toMatchObject([
      { outcome: 'timed_out', steps: [{ outcome: 'succeeded' }, { outcome: 'timed_out' }] },
    ]);
  });

  it('to wait in the queue fails a job that nobody took in time', async () => {
    const inASecond = new Date(Date.now() + 1_000).toISOString();
    const { body } = await client.post<Job>('/v1/jobs', {
      plan: { plan_version: 2, steps: [table] },
      confirm: true,
      run_after: new Date(Date.now() + 3_600_000).toISOString(),
      expires_at: inASecond,
    });
    const { job, runs } = await ended(`/v1/jobs/${body.job_id}`);
    expect(job).toMatchObject({ status: 'failed', attempts: 0, error: { code: 'JOB_EXPIRED' } });
    expect(runs).toEqual([]);
    expect(worker.find('SS_WORKER_JOB_EXPIRED', { job_id: body.job_id })).toBeDefined();
  });
});
