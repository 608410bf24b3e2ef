import { type Client, descendantsOf, Deployment, eventually, type Program, survivorsOf } from '#testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Job {
  job_id: string;
  status: string;
  attempts: number;
  error: unknown;
}

interface Run {
  run_id: string;
  attempt: number;
  lease_no: number;
  worker_id: string;
  outcome: string | null;
  steps: { step_id: string; outcome: string | null }[];
}

/** Runs until the file of its argument is there; starts a program of its own, which has to end with it. */
const WAIT_FOR_FILE = `
  const { existsSync } = require('node:fs');
  require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)', process.argv[1]]);
  setInterval(() => { if (existsSync(process.argv[1])) process.exit(0); }, 50);`;

let deployment: Deployment;
let client: Client;
let workers: Program[];
/** The file that lets the step of this test end. */
let gate: string;

beforeAll(async () => {
  deployment = await Deployment.open();
  const profiles = { wait_for_file: { command: process.execPath, fixed_args: ['-e', WAIT_FOR_FILE] } };
  const path = await deployment.commandProfiles(profiles);
  const api = await deployment.api({ SS_COMMAND_PROFILES: path });
  client = await deployment.client(api);
});
afterAll(async () => {
  await deployment.close();
});
beforeEach(() => {
  workers = [];
  gate = join(deployment.folder, `gate-${randomUUID()}`);
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop('SIGKILL')));
});

/** A worker whose lease is short, so that nobody waits for it long. */
async function startWorker(env: Readonly<Record<string, string>> = {}): Promise<Program> {
  const worker = await deployment.worker({
    SS_COMMAND_PROFILES: join(deployment.folder, 'profiles.json'),
    SS_QUEUE_LEASE_TTL_SECONDS: '5',
    SS_WORKER_CONCURRENCY: '1',
    ...env,
  });
  workers.push(worker);
  return worker;
}

async function submit(): Promise<string> {
  const steps = [
    { step_id: 'before', type: 'sql', params: { sql: 'SELECT 1 AS one' } },
    {
      step_id: 'wait',
      type: 'command',
      depends_on: ['before'],
      params: { profile: 'wait_for_file', args: [gate] },
    },
  ];
  const { body } = await client.post<Job>('/v1/jobs', { plan: { plan_version: 2, steps }, confirm: true });
  return `/v1/jobs/${body.job_id}`;
}

/** Waits until the program of the job's step, and the one that it started, run. */
async function untilUnderWay(worker: Program): Promise<Awaited<ReturnType<typeof descendantsOf>>> {
  return eventually(async () => {
    const all = await descendantsOf(worker.pid);
    return all.filter(({ command }) => command.includes(gate)).length >= 2 ? all : null;
  }, 20_000);
}

const runsOf = async (path: string): Promise<Run[]> =>
  (await client.get<{ items: Run[] }>(`${path}/runs`)).body.items;
const openGate = (): Promise<void> => writeFile(gate, '');

describe('a worker that is asked to stop', () => {
  it('lets a step end that ends in time', async () => {
    const worker = await startWorker({ SS_WORKER_SHUTDOWN_GRACE_SECONDS: '20' });
    const path = await submit();
    await untilUnderWay(worker);
    worker.signal('SIGTERM');
    await eventually(() => worker.find('SS_WORKER_SHUTDOWN_DRAINING'));
    const live = await fetch(`${worker.url}/health/live`);
    const ready = await fetch(`${worker.url}/health/ready`);
    expect([live.status, ready.status]).toEqual([200, 503]);
    await openGate();
    expect(await worker.ended).toEqual({ code: 0, signal: null });
    expect((await client.get<Job>(path)).body).toMatchObject({ status: 'succeeded' });
    expect(await runsOf(path)).toMatchObject([{ outcome: 'succeeded' }]);
  });

  it('ends what does not, gives the job back, and uses up no attempt of it', async () => {
    const worker = await startWorker({ SS_WORKER_SHUTDOWN_GRACE_SECONDS: '1' });
    const path = await submit();
    const processes = await untilUnderWay(worker);
    expect(await worker.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await survivorsOf(processes)).toEqual([]);
    const numbers = { runs: 1, ended: 0, interrupted: 1, duration_ms: expect.any(Number) };
    expect(worker.find('SS_WORKER_SHUTDOWN_COMPLETE')).toMatchObject(numbers);
    expect((await client.get<Job>(path)).body).toMatchObject({ status: 'queued', attempts: 0, error: null });
    expect(await runsOf(path)).toMatchObject([
      {
        outcome: 'interrupted',
        steps: [
          { step_id: 'before', outcome: 'succeeded' },
          { step_id: 'wait', outcome: 'interrupted' },
        ],
      },
    ]);

    await openGate();
    await startWorker();
    expect((await client.get<Job>(path, { prefer: 'wait=30' })).body).toMatchObject({
      status: 'succeeded',
      attempts: 0,
    });
    const runs = await runsOf(path);
    expect(runs.map(({ outcome, attempt, lease_no }) => [outcome, attempt, lease_no])).toEqual([
      ['interrupted', 1, 1],
      ['succeeded', 1, 2],
    ]);
    expect(runs[0]!.worker_id).not.toBe(runs[1]!.worker_id);
  });
});

describe('a worker that is killed', () => {
  it('loses its run to another, which does it again; nothing of the first is left', async () => {
    const first = await startWorker();
    const path = await submit();
    const processes = await untilUnderWay(first);
    const second = await startWorker();
    expect(await first.stop('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    await eventually(async () => (await survivorsOf(processes)).length === 0, 10_000);
    await openGate();
    // The lease (5 s), a sweep (1 s), and what a run takes.
    const { body: job } = await client.get<Job>(path, { prefer: 'wait=30' });
    expect(job).toMatchObject({ status: 'succeeded', attempts: 0, error: null });
    const runs = await runsOf(path);
    expect(runs).toMatchObject([
      {
        outcome: 'lost',
        attempt: 1,
        steps: [
          { step_id: 'before', outcome: 'succeeded' },
          { step_id: 'wait', outcome: 'lost' },
        ],
      },
      { outcome: 'succeeded', attempt: 1, steps: [{ outcome: 'succeeded' }, { outcome: 'succeeded' }] },
    ]);
    expect(second.find('SS_WORKER_RUN_LOST', { run_id: runs[0]!.run_id })).toMatchObject({ lease_no: 1 });
    const left = await readdir(join(deployment.folder, 'work')).catch((): string[] => []);
    // What the killed worker could not clear away is all that may be left.
    expect(left.filter((name) => name !== runs[0]!.run_id)).toEqual([]);
  });

  it('without work leaves everything to the others', async () => {
    const idle = await startWorker();
    await idle.stop('SIGKILL');
    await startWorker();
    await openGate();
    const path = await submit();
    expect((await client.get<Job>(path, { prefer: 'wait=30' })).body).toMatchObject({ status: 'succeeded' });
  });
});
