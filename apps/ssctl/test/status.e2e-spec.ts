import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Client,
  Deployment,
  eventually,
  type LogLine,
  type Program,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { type Ending, ssctl } from './ssctl.js';

interface Status {
  queues: { name: string; waiting: number; paused: object | null }[];
  workers: { worker_id: string; build: string; is_alive: boolean; runs: { job_id: string }[] }[];
  waiting_tenants: { tenant_id: string }[];
  schema: { pending: string[] };
}

interface Rule {
  target: string;
  level: string;
  ends_at: string;
}

const NOOP = { plan_version: 2, steps: [{ step_id: 's1', type: 'noop', params: {} }] };
const ENDLESS = {
  plan_version: 2,
  steps: [
    {
      step_id: 's1',
      type: 'sql',
      params: {
        sql: 'SELECT sum(a.range * b.range % 7) AS n FROM range(10000000) AS a, range(100000000) AS b',
      },
    },
  ],
};
const MAIN = join(import.meta.dirname, '../../../dist/apps/ssctl/src/main.js');
/** Gives a program a terminal; of util-linux, which every Debian has. */
const SCRIPT = '/usr/bin/script';

let db: TestDatabase;
let deployment: Deployment;
let api: Program;
let worker: Program;
let client: Client;

beforeAll(async () => {
  db = await testDatabase();
  deployment = await Deployment.on(db, { SS_AUDIT_SEAL_SECONDS: '1' }, () => db.drop());
  [api, worker] = await Promise.all([deployment.api(), deployment.worker()]);
  client = await deployment.client(api, 'acme');
});
afterAll(async () => {
  await deployment.close();
});

const run = (...args: string[]): Promise<Ending> =>
  ssctl(args, { DATABASE_URL: db.ownerUrl, SS_DATA_DIR: deployment.folder }, deployment.folder);

async function told<Answer>(...args: string[]): Promise<Answer> {
  const { code, output, errors } = await run(...args, '--json');
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  return JSON.parse(output) as Answer; // the test names the shape, and fails where it is another
}
const workerId = (): string => String(worker.find('SS_WORKER_STARTUP')!['worker_id']);

describe('the status of a deployment', () => {
  it('is the same to ssctl and to a platform key: who works on what, and who waits', async () => {
    const { body: running } = await client.post<{ job_id: string }>('/v1/jobs', {
      plan: ENDLESS,
      confirm: true,
    });
    const status = await eventually(async () => {
      const seen = await told<Status>('status');
      return seen.workers[0]?.runs.length === 1 && seen;
    }, 20_000);
    expect(status).toMatchObject({
      schema: { pending: [] },
      queues: [{ name: 'job.run', paused: null }, { name: 'job.draft' }],
      workers: [
        { worker_id: workerId(), is_alive: true, runs: [{ tenant_id: 'acme', job_id: running.job_id }] },
      ],
    });
    const { key } = await deployment.key('acme', ['platform:admin']);
    const answer = await client.withKey(key).get<Status>('/v1/status');
    expect(answer.status).toBe(200);
    expect(answer.body.workers).toMatchObject([
      { worker_id: workerId(), runs: [{ job_id: running.job_id }] },
    ]);
    expect((await client.get('/v1/status')).status).toBe(403);

    const { output } = await run('status');
    expect(output).toMatch(/^SS \S+ at 20\d\d-/);
    expect(output).toMatch(/^job\.run +0 /m);
    expect(output).toContain(`${workerId()}  `);
    expect(output).toContain(`acme/${running.job_id} attempt 1 since `);
    await client.post(`/v1/jobs/${running.job_id}/cancel`, { reason: 'seen enough' });
  });

  it('shows a job that waits in a paused queue with its tenant', async () => {
    await run('queue', 'pause', 'job.run', '--reason', 'tea');
    await client.post('/v1/jobs', { plan: NOOP, confirm: true });
    const status = await told<Status>('status', '--tenants', '1');
    expect(status).toMatchObject({
      queues: [{ waiting: 1, paused: { reason: 'tea' } }, {}],
      waiting_tenants: [{ tenant_id: 'acme', waiting: 1 }],
    });
    await run('queue', 'resume', 'job.run', '--reason', 'drunk');
  });

  it('wants numbers that make sense', async () => {
    for (const wrong of [
      ['status', '--tenants', '0'],
      ['top', '--every', 'often'],
    ]) {
      const { code, errors } = await run(...wrong);
      expect([code, errors]).toEqual([1, expect.stringContaining('a whole number from 1 to')]);
    }
  });
});

describe('ssctl top', () => {
  it('prints once where there is no terminal', async () => {
    const { code, output, errors } = await run('top');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toContain(workerId());
    expect(output).not.toContain('\u001b');
  });

  const onTerminal = existsSync(SCRIPT) ? it : it.skip;
  onTerminal.each(['q', '\u0003'])(
    'draws again and again, and leaves the terminal as it was at %j',
    async (key) => {
      const command = `stty rows 40 cols 120; stty -a > before; '${process.execPath}' '${MAIN}' top --every 1; stty -a > after; diff before after && echo UNCHANGED`;
      const child = spawn(SCRIPT, ['-qefc', command, '/dev/null'], {
        cwd: deployment.folder,
        env: {
          ...{ PATH: process.env['PATH'], TERM: 'xterm', SHELL: '/bin/sh' },
          ...{ DATABASE_URL: db.ownerUrl, SS_DATA_DIR: deployment.folder },
        },
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
      const ended = new Promise((resolve) => child.once('close', resolve));
      const drawn = (): number => output.split('\u001b[H').length - 1;
      await eventually(() => drawn() >= 3, 20_000);
      child.stdin.write(key);
      await ended;
      expect(output).toContain('\u001b[?1049h');
      expect(output).toContain(workerId());
      expect(output.lastIndexOf('\u001b[?1049l')).toBeGreaterThan(output.lastIndexOf('\u001b[H'));
      expect(output.slice(output.lastIndexOf('\u001b[?1049l'))).toContain('UNCHANGED');
    },
  );
});

describe('ssctl log-level', () => {
  const changes = (program: Program): unknown[] =>
    program.log
      .filter(({ event }: LogLine) => event === 'SS_LOG_LEVEL_CHANGED')
      .map((line) => line['log_level']);

  it('changes what both programs log within a second, for a time, for a reason, on the audit', async () => {
    const { items } = await told<{ items: Rule[] }>(
      'log-level',
      'debug',
      '--for',
      '1h',
      '--reason',
      'a fault',
    );
    expect(items).toMatchObject([
      { target: 'api', level: 'debug', reason: 'a fault', set_by: `operator:${userInfo().username}` },
      { target: 'worker', level: 'debug' },
    ]);
    const left = Date.parse(items[0]!.ends_at) - Date.now();
    expect(left).toBeGreaterThan(55 * 60_000);
    await eventually(() => changes(api).length === 1 && changes(worker).length === 1, 2_000);
    // The seal of the audit is told at this level only.
    await client.post('/v1/jobs', { plan: NOOP, confirm: true });
    await eventually(() => worker.find('SS_AUDIT_SEALED', { level: 'debug' }), 30_000);
    const listed = await run('log-level');
    expect(listed.output).toMatch(/^worker +debug +20\S+ +operator:\S+ +a fault$/m);
    expect((await run('log-level', 'configured', '--reason', 'found')).output).toContain(
      'as it is configured',
    );
    await eventually(() => changes(api).length === 2 && changes(worker).length === 2, 2_000);
    expect([changes(api), changes(worker)]).toEqual([
      ['debug', 'info'],
      ['debug', 'info'],
    ]);
    expect(
      await db.sql(
        `SELECT tenant_id, actor_kind, action, resource_id, reason, metadata FROM audit_event
         WHERE resource_type = 'log_level' ORDER BY event_id`,
      ),
    ).toMatchObject([
      {
        tenant_id: '@platform',
        actor_kind: 'operator',
        action: 'log_level.set',
        resource_id: 'api',
        reason: 'a fault',
      },
      { action: 'log_level.set', resource_id: 'worker', metadata: { level: 'debug', seconds: 3600 } },
      { action: 'log_level.ended', resource_id: 'api', reason: 'found' },
      { action: 'log_level.ended', resource_id: 'worker' },
    ]);
  });

  it('reaches one worker by its id, and ends by itself', async () => {
    const before = changes(worker).length;
    await told('log-level', workerId(), 'error', '--for', '1s', '--reason', 'quiet');
    await eventually(() => changes(worker).length === before + 2, 5_000);
    expect(changes(worker).slice(before)).toEqual(['error', 'info']);
    expect(changes(api)).toHaveLength(2);
  });

  it.each([
    [['loud', '--reason', 'x'], 'there is no level loud'],
    [['nobody', 'debug', '--reason', 'x'], 'neither a program'],
    [['00000000-0000-0000-0000-000000000000', 'debug', '--reason', 'x'], 'no running worker'],
    [['debug'], '--reason'],
    [['debug', '--reason', 'x', '--for', '0s'], 'at least 1s'],
  ])('says what is wrong with %j, and changes nothing', async (args, said) => {
    const { code, errors } = await run('log-level', ...args);
    expect([code, errors]).toEqual([1, expect.stringContaining(said)]);
    expect(await told('log-level')).toEqual({ items: [] });
  });
});
