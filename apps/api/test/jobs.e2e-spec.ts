import { type Client, Deployment, eventually, type Problem, type Program } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ArtifactPage } from '../src/artifacts/artifacts.body.js';
import type { AuditPage } from '../src/audit/audit.body.js';
import type { DraftBody } from '../src/draft/draft.body.js';
import type { JobBody } from '../src/jobs/job.body.js';
import type { RunPage } from '../src/runs/runs.body.js';
import { expectCleanLog } from './clean-log.js';
import { ENDLESS_SQL, noop, planOf, sql } from './plans.js';

let deployment: Deployment;
let api: Program;
let worker: Program;
let client: Client;

const PROFILES = {
  hello: { command: process.execPath, fixed_args: ['-e', `console.log('hello ' + process.argv[1])`] },
  failing: {
    command: process.execPath,
    fixed_args: ['-e', `console.error('I was told to fail'); process.exit(3)`],
  },
};

beforeAll(async () => {
  deployment = await Deployment.open();
  const profiles = { SS_COMMAND_PROFILES: await deployment.commandProfiles(PROFILES) };
  const moreProfiles = {
    SS_COMMAND_PROFILES: await deployment.commandProfiles(
      { ...PROFILES, forgotten: { command: 'true' } },
      'more.json',
    ),
  };
  [api, worker] = await Promise.all([deployment.api(moreProfiles), deployment.worker(profiles)]);
  client = await deployment.client(api, 'movers');
});
afterAll(async () => {
  await deployment.close();
});

const create = async (body: object): Promise<JobBody> => {
  const { status, body: job } = await client.post<JobBody>('/v1/jobs', body);
  expect([status, job]).toEqual([201, expect.objectContaining({ tenant_id: 'movers' })]);
  return job;
};
const pathOf = (job: JobBody): string => `/v1/jobs/${job.job_id}`;
const ended = async (job: JobBody): Promise<JobBody> =>
  (await client.get<JobBody>(pathOf(job), { prefer: 'wait=60' })).body;
const actionsOf = async (job: JobBody): Promise<string[]> =>
  (await client.get<AuditPage>(`${pathOf(job)}/audit`)).body.items.map(({ action }) => action);

describe('a client with a plan of its own', () => {
  it('has it ready at once, and confirms it later', async () => {
    const job = await create({ plan: planOf(noop('a')) });
    expect(job).toMatchObject({ status: 'draft_ready', draft_status: 'ready', draft_revision: 1 });
    const { body: draft } = await client.get<DraftBody>(`${pathOf(job)}/draft`);
    expect(draft).toMatchObject({ source: 'client', steps: [noop('a')] });
    expect((await client.post<JobBody>(`${pathOf(job)}/confirm`)).body).toMatchObject({ status: 'queued' });
    expect(await ended(job)).toMatchObject({ status: 'succeeded' });
  });

  it('can have it queued at once, with every move in the audit', async () => {
    const job = await create({ plan: planOf(noop('a')), confirm: true });
    expect(job).toMatchObject({ status: 'queued', plan_id: expect.any(String) });
    expect(await ended(job)).toMatchObject({ status: 'succeeded' });
    expect(await actionsOf(job)).toEqual([
      ...['job.created', 'job.drafted', 'job.confirmed', 'job.enqueued', 'job.started', 'job.succeeded'],
    ]);
  });

  it('needs no body where there is nothing to say', async () => {
    const job = await create({ plan: planOf(noop('a')) });
    expect((await client.send<JobBody>('POST', `${pathOf(job)}/confirm`)).body).toMatchObject({
      status: 'queued',
    });
    const reasonless = await client.send<Problem>('POST', `${pathOf(job)}/cancel`);
    expect([reasonless.status, reasonless.body.code]).toEqual([400, 'REASON_REQUIRED']);
  });

  it('holds a job until it is told to run', async () => {
    const job = await create({ plan: planOf(noop('a')), confirm: true, hold: true });
    expect(job).toMatchObject({ status: 'confirmed', queued_at: null });
    const run = await client.post<JobBody>(`${pathOf(job)}/run`, {}, { 'if-match': `"${job.version}"` });
    expect([run.status, run.body.status]).toEqual([202, 'queued']);
    expect(await ended(job)).toMatchObject({ status: 'succeeded' });
  });

  it('has a job started not before the instant that it named', async () => {
    const runAfter = new Date(Date.now() + 2_500).toISOString();
    const job = await create({ plan: planOf(noop('a')), confirm: true, run_after: runAfter });
    const { started_at: startedAt, status } = await ended(job);
    expect(status).toBe('succeeded');
    expect(Date.parse(startedAt!)).toBeGreaterThanOrEqual(Date.parse(runAfter));
    expect(Date.parse(startedAt!)).toBeLessThan(Date.parse(runAfter) + 10_000);
  });

  it('has steps carried out after those that they depend on, in whatever order they were sent', async () => {
    const job = await create({
      plan: planOf(
        sql('third', 'SELECT sum(n) AS n FROM second', { depends_on: ['second'] }),
        { step_id: 'picture', type: 'chart', depends_on: ['second'], params: { step: 'second', spec: BARS } },
        sql('second', 'SELECT n * 10 AS n FROM first', { depends_on: ['first'] }),
        noop('last', { depends_on: ['third', 'picture'] }),
        sql('first', 'SELECT unnest([1, 2, 3]) AS n'),
      ),
      confirm: true,
    });
    expect(await ended(job)).toMatchObject({ status: 'succeeded', error: null });
    expect((await client.get(`${pathOf(job)}/artifacts/tables/third.csv`)).bytes.toString()).toBe('n\n60\n');
    const { body: runs } = await client.get<RunPage>(`${pathOf(job)}/runs`);
    const order = runs.items[0]!.steps.map(({ step_id }) => step_id);
    expect(order.indexOf('first')).toBeLessThan(order.indexOf('second'));
    expect(order.indexOf('second')).toBeLessThan(order.indexOf('third'));
    expect(order.at(-1)).toBe('last');
    const svg = await client.get(`${pathOf(job)}/artifacts/charts/picture.svg`);
    expect(svg.bytes.toString()).toMatch(/^<svg/);
  });
});

const BARS = {
  mark: 'bar',
  encoding: { x: { field: 'n', type: 'ordinal' }, y: { field: 'n', type: 'quantitative' } },
};

describe('programs of the operator', () => {
  const run = (profile: string, ...args: string[]): object => ({
    step_id: 'run',
    type: 'command',
    params: { profile, args },
  });

  it('run with their arguments, and keep what they say', async () => {
    const job = await create({ plan: planOf(run('hello', 'penguin; rm -rf /')), confirm: true });
    expect(await ended(job)).toMatchObject({ status: 'succeeded', error: null });
    const { body } = await client.get<ArtifactPage>(`${pathOf(job)}/artifacts`);
    const said = body.items.find(({ rel_path }) => rel_path === 'logs/run.stdout.txt')!;
    const { bytes } = await client.get(`${pathOf(job)}/artifacts/${said.rel_path}`);
    expect(bytes.toString()).toBe('hello penguin; rm -rf /\n');
  });

  it('fail the job with their code and last words', async () => {
    const job = await create({ plan: planOf(run('failing')), confirm: true });
    const failed = await ended(job);
    expect(failed).toMatchObject({
      status: 'failed',
      attempts: 1,
      error: { code: 'COMMAND_FAILED', step_id: 'run' },
    });
    expect(failed.error!.message).toContain('I was told to fail');
    const kept = await client.get(`${pathOf(job)}/artifacts/logs/run.stderr.txt`);
    expect(kept.bytes.toString()).toBe('I was told to fail\n');
  });

  it('are refused where the API does not know them, and wait for a worker that does', async () => {
    const unknown = await client.post<Problem>('/v1/jobs', { plan: planOf(run('nobody_made_this')) });
    expect([unknown.status, unknown.body.code]).toEqual([400, 'PLAN_INVALID']);
    expect(unknown.body.errors).toMatchObject([{ pointer: '/plan/steps/0/params/profile' }]);
    const job = await create({ plan: planOf(run('forgotten')), confirm: true });
    // One that this worker can carry out goes by.
    expect(await ended(await create({ plan: planOf(noop('a')), confirm: true }))).toMatchObject({
      status: 'succeeded',
    });
    const { body: waiting } = await client.get<JobBody>(pathOf(job));
    expect(waiting).toMatchObject({ status: 'queued', attempts: 0, error: null });
    await client.post(`${pathOf(job)}/cancel`, { reason: 'nobody can' });
  });
});

describe('a job that fails', () => {
  it('names code, message and step, on the job and on the run, and runs again when asked', async () => {
    const job = await create({
      plan: planOf(
        noop('fine'),
        sql('broken', 'SELECT nothing_of_the_kind', { depends_on: ['fine'] }),
        noop('never', { depends_on: ['broken'] }),
      ),
      confirm: true,
    });
    const failed = await ended(job);
    const error = {
      code: 'SQL_FAILED',
      step_id: 'broken',
      message: expect.stringContaining('nothing_of_the_kind'),
    };
    expect(failed).toMatchObject({ status: 'failed', error, attempts: 1 });
    const { body: runs } = await client.get<RunPage>(`${pathOf(job)}/runs`);
    expect(runs.items).toMatchObject([{ outcome: 'failed', error }]);
    expect(runs.items[0]!.steps).toMatchObject([
      { step_id: 'fine', outcome: 'succeeded', error: null },
      { step_id: 'broken', outcome: 'failed', error },
    ]);

    const again = await client.post<JobBody>(`${pathOf(job)}/retry`, { reason: 'the weather is better' });
    expect([again.status, again.body.status, again.body.error, again.body.finished_at]).toEqual([
      202,
      'queued',
      null,
      null,
    ]);
    expect(await ended(job)).toMatchObject({ status: 'failed', error });
    const { body: after } = await client.get<RunPage>(`${pathOf(job)}/runs`);
    expect(after.items.map(({ lease_no }) => lease_no)).toEqual([1, 2]);
    const { body: audit } = await client.get<AuditPage>(`${pathOf(job)}/audit`);
    expect(audit.items.find(({ action }) => action === 'job.retried')).toMatchObject({
      reason: 'the weather is better',
    });
  });
});

describe('cancel', () => {
  it.each([
    ['created', { requirement: 'later' }],
    ['draft_ready', { plan: planOf(noop('a')) }],
    ['confirmed', { plan: planOf(noop('a')), confirm: true, hold: true }],
    ['queued', { plan: planOf(noop('a')), confirm: true, run_after: '2090-01-01T00:00:00Z' }],
  ])('ends a job that is %s', async (status, body) => {
    const job = await create(body);
    expect(job.status).toBe(status);
    const { body: cancelled } = await client.post<JobBody>(`${pathOf(job)}/cancel`, { reason: 'no need' });
    expect(cancelled).toMatchObject({ status: 'cancelled', version: job.version + 1 });
    expect(cancelled.finished_at).not.toBeNull();
    const { body: audit } = await client.get<AuditPage>(`${pathOf(job)}/audit`);
    expect(audit.items.at(-1)).toMatchObject({
      action: 'job.cancelled',
      from_status: status,
      reason: 'no need',
    });
  });

  it('ends a job that runs, within a heartbeat, and the worker takes the next', async () => {
    const job = await create({ plan: planOf(sql('endless', ENDLESS_SQL)), confirm: true });
    await eventually(() => worker.find('SS_WORKER_RUN_START', { job_id: job.job_id }), 20_000);
    expect((await client.post<JobBody>(`${pathOf(job)}/cancel`, { reason: 'too long' })).body.status).toBe(
      'cancelled',
    );
    // A heartbeat (1 s), and what ending a process group takes.
    await eventually(() => worker.find('SS_WORKER_RUN_CANCELLED', { job_id: job.job_id }), 5_000);
    const next = await create({ plan: planOf(sql('quick', 'SELECT 1 AS one')), confirm: true });
    expect(await ended(next)).toMatchObject({ status: 'succeeded' });
    expect(await ended(job)).toMatchObject({ status: 'cancelled', error: null });
    const { body: runs } = await client.get<RunPage>(`${pathOf(job)}/runs`);
    expect(runs.items).toMatchObject([{ outcome: 'cancelled' }]);
    expect(runs.items[0]!.steps).toMatchObject([{ step_id: 'endless', outcome: 'cancelled' }]);
  });
});

describe('two who want to change one job', () => {
  it('refuses the version that is old, and says which one is current', async () => {
    const job = await create({ plan: planOf(noop('a')) });
    await client.patch(`${pathOf(job)}/draft`, { notes: 'first' }, { 'if-match': `"${job.version}"` });
    for (const [path, body] of [
      ['confirm', {}],
      ['cancel', { reason: 'x' }],
    ] as const) {
      const late = await client.post<Problem>(`${pathOf(job)}/${path}`, body, {
        'if-match': `"${job.version}"`,
      });
      expect([late.status, late.body.code]).toEqual([412, 'JOB_VERSION_CONFLICT']);
      expect(late.body.current_version).toBe(job.version + 1);
      expect(late.headers.get('etag')).toBe(`"${job.version + 1}"`);
    }
    expect((await client.get<JobBody>(pathOf(job))).body).toMatchObject({
      version: job.version + 1,
      status: 'draft_ready',
    });
    for (const header of ['3', '"zero"', '"0"', '"1", "2"', '"99999999999999999999"']) {
      const broken = await client.post<Problem>(`${pathOf(job)}/confirm`, {}, { 'if-match': header });
      expect([header, broken.status, broken.body.code]).toEqual([header, 400, 'IF_MATCH_INVALID']);
    }
  });

  it('refuses a move that the state does not allow, and names state and version', async () => {
    const created = await create({ requirement: 'x' });
    for (const [move, body] of [
      ['confirm', {}],
      ['run', {}],
      ['retry', { reason: 'x' }],
    ] as const) {
      const refused = await client.post<Problem>(`${pathOf(created)}/${move}`, body);
      expect([move, refused.status, refused.body.code]).toEqual([move, 409, 'JOB_ILLEGAL_TRANSITION']);
      expect(refused.body).toMatchObject({ status: 409, current_version: 1 });
    }
    await client.post(`${pathOf(created)}/cancel`, { reason: 'x' });
    const twice = await client.post<Problem>(`${pathOf(created)}/cancel`, { reason: 'x' });
    expect([twice.status, twice.body.code]).toEqual([409, 'JOB_ILLEGAL_TRANSITION']);
    const locked = await client.patch<Problem>(
      `${pathOf(created)}/draft`,
      { notes: 'x' },
      { 'if-match': '"2"' },
    );
    expect([locked.status, locked.body.code]).toEqual([409, 'JOB_LOCKED']);
    expect(await actionsOf(created)).toEqual(['job.created', 'job.cancelled']);
  });

  it('gives the draft to exactly one of 32 that edit it at once', async () => {
    const job = await create({ plan: planOf(noop('a')) });
    const answers = await Promise.all(
      Array.from({ length: 32 }, (_, index) =>
        client.patch<DraftBody>(
          `${pathOf(job)}/draft`,
          { notes: `writer ${index}` },
          { 'if-match': `"${job.version}"` },
        ),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(31);
    const winner = answers.find(({ status }) => status === 200)!.body;
    expect((await client.get<DraftBody>(`${pathOf(job)}/draft`)).body).toMatchObject({
      notes: winner.notes,
      version: job.version + 1,
    });
  });

  it('confirms a job once, however many confirm it at once', async () => {
    const job = await create({ plan: planOf(noop('a')) });
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => client.post<JobBody>(`${pathOf(job)}/confirm`)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.every(({ status }) => [200, 409, 412].includes(status))).toBe(true);
    expect(await ended(job)).toMatchObject({ status: 'succeeded' });
    expect((await client.get<RunPage>(`${pathOf(job)}/runs`)).body.items).toHaveLength(1);
  });
});

describe('requests that come twice', () => {
  it('answers the same Idempotency-Key with the same job, also when both come at once', async () => {
    const send = (body: object): ReturnType<typeof client.post<JobBody>> =>
      client.post<JobBody>('/v1/jobs', body, { 'idempotency-key': 'order-66' });
    const body = { requirement: 'once', labels: { a: 'b' } };
    const [first, second] = await Promise.all([send(body), send(body)]);
    const third = await send(body);
    expect([first.status, second.status, third.status]).toEqual([201, 201, 201]);
    expect(new Set([first, second, third].map((answer) => answer.body.job_id)).size).toBe(1);
    expect(third.headers.get('idempotent-replayed')).toBe('true');
    expect(third.body).toEqual(first.body);
    expect(third.headers.get('location')).toBe(first.headers.get('location'));
    const other = await client.post<Problem>(
      '/v1/jobs',
      { requirement: 'twice' },
      { 'idempotency-key': 'order-66' },
    );
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it('refuses a job_id that is taken, and leaves the job as it is', async () => {
    await create({ job_id: 'mine', requirement: 'first' });
    const taken = await client.post<Problem>('/v1/jobs', { job_id: 'mine', requirement: 'second' });
    expect([taken.status, taken.body.code]).toEqual([409, 'JOB_ALREADY_EXISTS']);
    expect((await client.get<JobBody>('/v1/jobs/mine')).body).toMatchObject({
      requirement: 'first',
      version: 1,
    });
    const racing = await Promise.all(
      Array.from({ length: 8 }, () =>
        client.post<JobBody>('/v1/jobs', { job_id: 'raced', requirement: 'x' }),
      ),
    );
    expect(racing.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 7 }, () => 409)]);
  });
});

it('leaves a clean log', () => {
  expectCleanLog(deployment, [client.key!]);
  expect(api.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  expect(worker.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});
