import { Client, Deployment, eventually, Program, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Job {
  job_id: string;
  status: string;
}

interface Explanation extends Job {
  runnable: boolean;
  reasons: ({ code: string } & Record<string, unknown>)[];
}

interface QueueState {
  name: string;
  waiting: number;
  dead: number;
  paused: { by: string; reason: string } | null;
}

const NOOP = { plan_version: 2, steps: [{ step_id: 's1', type: 'noop', params: {} }] };
const SSCTL = join(import.meta.dirname, '../../../dist/apps/ssctl/src/main.js');

let db: TestDatabase;
let deployment: Deployment;
let client: Client;
let operator: Client;
let worker: Program;

beforeAll(async () => {
  db = await testDatabase();
  deployment = await Deployment.on(db, { SS_QUEUE_RECONCILE_SECONDS: '1' }, () => db.drop());
  const api = await deployment.api();
  client = await deployment.client(api);
  const { key } = await deployment.key(await deployment.tenant(), ['platform:admin']);
  operator = new Client(api.url, key);
  worker = await deployment.worker();
});
afterAll(async () => {
  await deployment.close();
});

/** `ssctl … --json`, as an operator types it. */
async function ssctl<Answer>(...args: string[]): Promise<Answer> {
  const { stdout } = await promisify(execFile)(process.execPath, [SSCTL, ...args, '--json'], {
    cwd: deployment.folder,
    env: { PATH: process.env['PATH'], DATABASE_URL: db.ownerUrl, SS_DATA_DIR: deployment.folder },
  });
  return JSON.parse(stdout) as Answer; // the test names the shape, and fails where it is another
}

async function submit(): Promise<Job> {
  const { status, body } = await client.post<Job>('/v1/jobs', { plan: NOOP, confirm: true });
  expect(status).toBe(201);
  return body;
}
const explain = async (job: Job): Promise<Explanation> =>
  (await client.get<Explanation>(`/v1/jobs/${job.job_id}/explain`)).body;
const ended = async (job: Job): Promise<string> =>
  (await client.get<Job>(`/v1/jobs/${job.job_id}`, { prefer: 'wait=30' })).body.status;
const metric = async (program: Program, name: string): Promise<string[]> =>
  (await (await fetch(`${program.url}/metrics`)).text()).split('\n').filter((line) => line.startsWith(name));

describe('a queue that an operator pauses', () => {
  it('gives no job to a worker, which stays ready and says so once; explain says why; resumed, the job runs', async () => {
    const { status, body: paused } = await operator.post<QueueState>('/v1/queues/job.run/pause', {
      reason: 'the disk is being changed',
    });
    expect([status, paused.paused?.reason]).toEqual([200, 'the disk is being changed']);
    const job = await submit();
    await eventually(() => worker.find('SS_QUEUE_PAUSED', { queue: 'job.run', level: 'info' }));
    const explanation = await explain(job);
    expect([explanation.status, explanation.runnable, explanation.reasons[0]]).toMatchObject([
      'queued',
      false,
      { code: 'QUEUE_PAUSED', by: paused.paused!.by, reason: 'the disk is being changed' },
    ]);
    expect((await fetch(`${worker.url}/health/ready`)).status).toBe(200);
    expect((await operator.get<{ items: QueueState[] }>('/v1/queues')).body.items).toMatchObject([
      { name: 'job.run', waiting: 1, paused: { reason: 'the disk is being changed' } },
      { name: 'job.draft', waiting: 0, paused: null },
    ]);

    await operator.post('/v1/queues/job.run/resume', { reason: 'it is changed' });
    expect(await ended(job)).toBe('succeeded');
    expect((await explain(job)).reasons).toMatchObject([{ code: 'ENDED' }]);
    expect(worker.log.filter(({ event }) => event === 'SS_QUEUE_PAUSED')).toHaveLength(1);
    expect(worker.find('SS_QUEUE_RESUMED', { queue: 'job.run' })).toBeDefined();
  });

  it('is none of a tenant’s business, and needs a reason and a name', async () => {
    const refused = await client.post<{ code: string }>('/v1/queues/job.run/pause', { reason: 'x' });
    expect([refused.status, refused.body.code]).toEqual([403, 'AUTH_SCOPE_MISSING']);
    expect((await client.get('/v1/queues')).status).toBe(403);
    expect((await operator.post('/v1/queues/job.run/pause', {})).status).toBe(400);
    const unknown = await operator.post<{ code: string }>('/v1/queues/job.dead/pause', { reason: 'x' });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'QUEUE_NOT_FOUND']);
  });

  it('can be paused, explained and resumed at the command line as well', async () => {
    expect(await ssctl('queue', 'pause', 'job.run', '--reason', 'tea')).toMatchObject({
      name: 'job.run',
      paused: { reason: 'tea', by: expect.stringMatching(/^operator:/) },
    });
    const job = await submit();
    const [{ tenant_id }] = (await deployment.sql<{ tenant_id: string }>(
      'SELECT tenant_id FROM job WHERE job_id = $1',
      [job.job_id],
    )) as [{ tenant_id: string }];
    expect(await ssctl<Explanation>('job', 'explain', job.job_id, '--tenant', tenant_id)).toMatchObject({
      job_id: job.job_id,
      reasons: [{ code: 'QUEUE_PAUSED' }, { code: 'IN_LINE' }],
    });
    expect(await ssctl<{ items: QueueState[] }>('queue', 'list')).toMatchObject({
      items: [{ name: 'job.run', waiting: 1, paused: { reason: 'tea' } }, { name: 'job.draft' }],
    });
    await ssctl('queue', 'resume', 'job.run', '--reason', 'done');
    expect(await ended(job)).toBe('succeeded');
  });
});

describe('explain', () => {
  it('does not tell of another tenant’s job', async () => {
    const job = await submit();
    const { key } = await deployment.key(await deployment.tenant());
    const stranger = await client.withKey(key).get<{ code: string }>(`/v1/jobs/${job.job_id}/explain`);
    expect([stranger.status, stranger.body.code]).toEqual([404, 'JOB_NOT_FOUND']);
  });
});

describe('messages and jobs that disagree', () => {
  it('are mended within the period, said in the log and counted', async () => {
    await operator.post('/v1/queues/job.run/pause', {
      reason: 'so that nobody takes the message before it is lost',
    });
    const job = await submit();
    await db.sql(`DELETE FROM pgboss.job WHERE name = 'job.run'`);
    await db.sql(
      `INSERT INTO pgboss.job (name, data) VALUES ('job.run', '{"tenant_id": "nobody", "job_id": "x"}')`,
    );
    await eventually(
      () => worker.find('SS_QUEUE_RECONCILED', { queue: 'job.run', kind: 'woken', count: 1 }),
      15_000,
    );
    await eventually(
      () => worker.find('SS_QUEUE_RECONCILED', { queue: 'job.run', kind: 'dropped', count: 1 }),
      15_000,
    );
    await operator.post('/v1/queues/job.run/resume', { reason: 'go on' });
    expect(await ended(job)).toBe('succeeded');
    const repairs = (await metric(worker, 'ss_queue_repairs_total')).filter((line) => !line.endsWith(' 0'));
    expect(repairs.sort()).toEqual([
      'ss_queue_repairs_total{queue="job.run",kind="dropped"} 1',
      'ss_queue_repairs_total{queue="job.run",kind="woken"} 1',
    ]);
  });
});

describe('a draft whose message was given up', () => {
  it('tells its job, and is sent again by redrive', async () => {
    // Nobody drafts while this stands, so the message is still there to die.
    await operator.post('/v1/queues/job.draft/pause', { reason: 'so that it can die' });
    const { body: job } = await client.post<Job>('/v1/jobs', {
      requirement: 'Which species is the heaviest?',
    });
    const csv = [{ role: 'primary_dataset', name: 'a.csv', content: 'species,mass\nadelie,3\ngentoo,5\n' }];
    expect((await client.upload(`/v1/jobs/${job.job_id}/inputs`, csv)).status).toBe(201);
    expect((await client.post(`/v1/jobs/${job.job_id}/draft`)).status).toBe(202);
    await db.sql(
      `WITH died AS (DELETE FROM pgboss.job WHERE name = 'job.draft' RETURNING *)
       INSERT INTO pgboss.job (name, data, singleton_key, source_name, source_id, source_created_on, source_retry_count)
       SELECT 'job.dead', data, singleton_key, name, id, created_on, 3 FROM died`,
    );
    const draft = async (): Promise<{ draft_status: string; draft_error: { code: string } | null }> =>
      (
        await client.get<{ draft_status: string; draft_error: { code: string } | null }>(
          `/v1/jobs/${job.job_id}`,
        )
      ).body;
    await eventually(async () => (await draft()).draft_status === 'failed', 15_000);
    expect((await draft()).draft_error?.code).toBe('DRAFT_GIVEN_UP');

    const dead = await ssctl<{ items: object[] }>('queue', 'dead', '--queue', 'job.draft');
    expect(dead.items).toMatchObject([{ queue: 'job.draft', job_id: job.job_id, retries: 3 }]);
    expect(await ssctl('queue', 'redrive', '--dry-run')).toMatchObject({
      dry_run: true,
      resent: 1,
      skipped: 0,
    });
    expect((await draft()).draft_status).toBe('failed');
    expect(await ssctl('queue', 'redrive', '--reason', 'it can live')).toMatchObject({
      resent: 1,
      skipped: 0,
    });
    await operator.post('/v1/queues/job.draft/resume', { reason: 'it can live' });
    await eventually(async () => (await draft()).draft_status === 'ready', 15_000);
    expect(await ssctl('queue', 'dead')).toEqual({ items: [] });
  });
});

describe('/metrics', () => {
  it('tells on both programs what they are and what Node measures, without a key', async () => {
    for (const program of deployment.programs) {
      const [build] = await metric(program, 'ss_build_info');
      expect(build).toMatch(
        new RegExp(`^ss_build_info\\{program="${program.name}",version="\\d+\\.\\d+\\.\\d+"\\} 1$`),
      );
      expect(await metric(program, 'process_resident_memory_bytes')).toHaveLength(1);
    }
  });
});

describe('a program on queue tables that are not of its release', () => {
  it.each([
    ['older ones', 'UPDATE pgboss.version SET version = version - 1'],
    ['none', 'DROP SCHEMA pgboss CASCADE'],
  ])('refuses to start on %s, says what helps, and touches nothing', async (_which, change) => {
    const other = await testDatabase();
    const place = await Deployment.on(other, {}, () => other.drop());
    try {
      await other.sql(change);
      for (const name of ['api', 'worker'] as const) {
        const program = Program.launch(name, place.place(name));
        expect((await program.ended).code).toBe(1);
        expect(program.find(`SS_${name.toUpperCase()}_STARTUP_FAILED`)).toMatchObject({
          level: 'fatal',
          code: 'SCHEMA_MISMATCH',
          message: expect.stringContaining('npm run ssctl -- schema deploy'),
        });
      }
      const tables = await other.sql(`SELECT FROM pg_tables WHERE schemaname = 'pgboss'`);
      expect(tables.length > 0).toBe(!change.startsWith('DROP'));
    } finally {
      await place.close();
    }
  });
});
