import { Client, Deployment, eventually, type Program, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Job {
  job_id: string;
  status: string;
}

interface Explanation {
  reasons: ({ code: string } & Record<string, unknown>)[];
}

interface QueueState {
  name: string;
  waiting: number;
  parked: number;
}

const SSCTL = join(import.meta.dirname, '../../../dist/apps/ssctl/src/main.js');
const PROFILES = {
  sleep: { command: '/bin/sleep' },
  wait_for_file: {
    command: '/bin/sh',
    fixed_args: ['-c', 'while [ ! -e "$1" ]; do sleep 0.05; done', 'wait'],
  },
};
const SAMPLE_MS = 50;

let db: TestDatabase;
let deployment: Deployment;
let api: Program;
let platform: Client;
let workers: Program[];

beforeAll(async () => {
  db = await testDatabase();
  deployment = await Deployment.on(db, { SS_WORKER_CONCURRENCY: '4' }, () => db.drop());
  await deployment.commandProfiles(PROFILES);
  const profiles = { SS_COMMAND_PROFILES: join(deployment.folder, 'profiles.json') };
  api = await deployment.api(profiles);
  const { key } = await deployment.key(await deployment.tenant(), ['platform:admin']);
  platform = new Client(api.url, key);
  const short = { ...profiles, SS_QUEUE_LEASE_TTL_SECONDS: '5' };
  workers = await Promise.all([1, 2, 3].map(() => deployment.worker(short)));
});
afterAll(async () => {
  await deployment.close();
});

/** A tenant, its client, and what this file asks about it. */
class Tenant {
  private constructor(
    readonly id: string,
    private readonly client: Client,
    readonly gate = join(deployment.folder, `gate-${randomUUID()}`),
  ) {}

  static async make(): Promise<Tenant> {
    const id = await deployment.tenant();
    return new Tenant(id, new Client(api.url, (await deployment.key(id)).key));
  }

  async limitTo(running_jobs: number | null): Promise<void> {
    const { status } = await platform.send(
      'PUT',
      `/v1/tenants/${this.id}/quota`,
      { 'content-type': 'application/json', 'x-ss-reason': 'a test of the limit' },
      JSON.stringify({ running_jobs }),
    );
    expect(status).toBe(200);
  }

  async submit(count: number, params: object): Promise<Job[]> {
    const plan = { plan_version: 2, steps: [{ step_id: 's1', type: 'command', params }] };
    const jobs: Job[] = [];
    for (let n = 0; n < count; n++) {
      const { status, body } = await this.client.post<Job>('/v1/jobs', { plan, confirm: true });
      expect(status).toBe(201);
      jobs.push(body);
    }
    return jobs;
  }

  /** Jobs that end when the gate is opened. */
  async submitGated(count: number): Promise<Job[]> {
    return this.submit(count, { profile: 'wait_for_file', args: [this.gate] });
  }

  async openGate(): Promise<void> {
    await writeFile(this.gate, '');
  }

  async running(): Promise<number> {
    return (await db.sql('SELECT FROM run WHERE tenant_id = $1 AND ended_at IS NULL', [this.id])).length;
  }

  async count(status: string): Promise<number> {
    return (await db.sql('SELECT FROM job WHERE tenant_id = $1 AND status = $2', [this.id, status])).length;
  }

  async explain({ job_id }: Job): Promise<Explanation['reasons'][number] | undefined> {
    return (await this.client.get<Explanation>(`/v1/jobs/${job_id}/explain`)).body.reasons[0];
  }

  /** Looks every 50 ms until `stop` is called; answers the most that ran at a time, and how often it looked. */
  watch(): () => Promise<{ most: number; looks: number }> {
    const seen = { most: 0, looks: 0 };
    let looking = Promise.resolve();
    const timer = setInterval(() => {
      looking = looking.then(async () => {
        seen.most = Math.max(seen.most, await this.running());
        seen.looks += 1;
      });
    }, SAMPLE_MS);
    return async () => {
      clearInterval(timer);
      await looking;
      return seen;
    };
  }
}

const runQueue = (items: readonly QueueState[]): QueueState | undefined =>
  items.find(({ name }) => name === 'job.run');

/** `ssctl queue list`, as an operator types it. */
async function queueBySsctl(): Promise<QueueState | undefined> {
  const { stdout } = await promisify(execFile)(process.execPath, [SSCTL, 'queue', 'list', '--json'], {
    cwd: deployment.folder,
    env: { PATH: process.env['PATH'], DATABASE_URL: db.ownerUrl, SS_DATA_DIR: deployment.folder },
  });
  return runQueue((JSON.parse(stdout) as { items: QueueState[] }).items); // the shape that the test expects
}
const queueByHttp = async (): Promise<QueueState | undefined> =>
  runQueue((await platform.get<{ items: QueueState[] }>('/v1/queues')).body.items);

let tenant: Tenant;
beforeEach(async () => {
  tenant = await Tenant.make();
});

describe('a tenant that may have 3 jobs running, on three workers with four slots each', () => {
  it('never has a fourth, all 60 end, and another tenant goes through meanwhile', async () => {
    const other = await Tenant.make();
    await tenant.limitTo(3);
    const stop = tenant.watch();
    await tenant.submit(60, { profile: 'sleep', args: ['0.07'] });
    await other.submit(12, { profile: 'sleep', args: ['0.07'] });
    await eventually(async () => (await other.count('succeeded')) === 12, 30_000);
    expect(await tenant.count('succeeded')).toBeLessThan(60);
    await eventually(async () => (await tenant.count('succeeded')) === 60, 90_000);
    const { most, looks } = await stop();
    expect(most).toBe(3);
    expect(looks).toBeGreaterThan(10);
  }, 150_000);
});

describe('the limit of running jobs, changed at run time', () => {
  it('holds within two seconds when it is raised; lowered it ends nothing; 0 stops all; gone, all are free', async () => {
    await tenant.limitTo(1);
    const jobs = await tenant.submitGated(8);
    await eventually(async () => (await tenant.running()) === 1);
    await eventually(async () => (await queueByHttp())?.parked === 7);
    expect(await queueBySsctl()).toMatchObject({ waiting: 0, parked: 7 });
    expect(await tenant.explain(jobs[7]!)).toMatchObject({ code: 'TENANT_AT_LIMIT', limit: 1, current: 1 });

    await tenant.limitTo(4);
    await eventually(async () => (await tenant.running()) === 4, 2_000);
    await tenant.limitTo(2);
    const stop = tenant.watch();
    const late = await tenant.submit(1, { profile: 'sleep', args: ['0.07'] });
    await eventually(async () => (await queueByHttp())?.parked === 5);
    expect(await stop()).toMatchObject({ most: 4 });
    expect(await tenant.running()).toBe(4);

    await tenant.limitTo(0);
    await tenant.openGate();
    await eventually(async () => (await tenant.count('succeeded')) === 4, 10_000);
    expect(await tenant.explain(late[0]!)).toMatchObject({ code: 'TENANT_AT_LIMIT', limit: 0, current: 0 });
    expect(await tenant.count('queued')).toBe(5);
    await tenant.limitTo(null);
    await eventually(async () => (await tenant.count('succeeded')) === 9, 10_000);
    expect(await queueByHttp()).toMatchObject({ waiting: 0, parked: 0 });
  }, 60_000);
});

describe('a worker that is gone', () => {
  it('gives its places to others when its leases have run out', async () => {
    await tenant.limitTo(2);
    await tenant.submitGated(6);
    await eventually(async () => (await tenant.running()) === 2);
    const [first] = await db.sql<{ worker_id: string }>(
      'SELECT worker_id FROM run WHERE tenant_id = $1 AND ended_at IS NULL',
      [tenant.id],
    );
    const holder = workers.find((worker) =>
      worker.find('SS_WORKER_STARTUP', { worker_id: first!.worker_id }),
    );
    const stop = tenant.watch();
    await holder!.stop('SIGKILL');
    await eventually(
      async () =>
        (await db.sql(`SELECT FROM run WHERE tenant_id = $1 AND outcome = 'lost'`, [tenant.id])).length > 0 &&
        (await tenant.running()) === 2,
      20_000,
    );
    await tenant.openGate();
    await eventually(async () => (await tenant.count('succeeded')) === 6, 20_000);
    expect((await stop()).most).toBe(2);
  }, 60_000);
});
