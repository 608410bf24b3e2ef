import { type Client, Deployment, eventually, type Problem, type Program } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditPage } from '../src/audit/audit.body.js';
import type { BatchBody } from '../src/jobs/batch.body.js';
import type { JobBody, JobPage } from '../src/jobs/job.body.js';
import type { TaskBody, TaskPreviewBody } from '../src/tasks/task.body.js';
import { expectCleanLog } from './clean-log.js';
import { noop, planOf, sql } from './plans.js';

const REASON = 'asked for by the test';

let deployment: Deployment;
let client: Client;
let worker: Program;

beforeAll(async () => {
  deployment = await Deployment.open();
  const [api, first] = await Promise.all([deployment.api(), deployment.worker()]);
  worker = first;
  client = await deployment.client(api, 'mine');
});
afterAll(async () => {
  await deployment.close();
});

const batch = (body: object, headers: Record<string, string> = {}) =>
  client.post<BatchBody>('/v1/jobs/batch', body, headers);
const total = async (query: string): Promise<number | undefined> =>
  (await client.get<JobPage>(`/v1/jobs?limit=1&total=true&${query}`)).body.total?.value;
const ended = (taskId: string): Promise<TaskBody> =>
  eventually(async () => {
    const { body } = await client.get<TaskBody>(`/v1/tasks/${taskId}`);
    return body.ended_at === null ? null : body;
  });

describe('POST /v1/jobs/batch', () => {
  it('makes jobs that run, and answers a repeat with the same', async () => {
    const plan = planOf(noop('a'));
    const body = {
      items: Array.from({ length: 20 }, () => ({ plan, confirm: true, labels: { batch: 'one' } })),
    };
    const first = await batch(body, { 'idempotency-key': 'batch-1' });
    expect([first.status, first.body.created, first.body.refused]).toEqual([200, 20, 0]);
    expect(first.body.items[0]).toEqual({
      ...{ index: 0, status: 201, job_id: expect.stringMatching(/^job_/), version: 4, job_status: 'queued' },
    });
    const again = await batch(body, { 'idempotency-key': 'batch-1' });
    expect([again.headers.get('idempotent-replayed'), again.body]).toEqual(['true', first.body]);
    const other = await client.post<Problem>(
      '/v1/jobs/batch',
      { items: [{}] },
      { 'idempotency-key': 'batch-1' },
    );
    expect(other.body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    for (const { job_id } of first.body.items) {
      const { body: job } = await client.get<JobBody>(`/v1/jobs/${job_id!}`, { prefer: 'wait=60' });
      expect(job.status).toBe('succeeded');
    }
    expect(await total('label=batch%3Done')).toBe(20);
  });

  it('for each tells of every item what a single request would have been told', async () => {
    const items = [
      { job_id: 'twice' },
      { job_id: 'twice' },
      { priority: 'high' },
      { colour: 'red' },
      { confirm: true },
      { plan: planOf({ step_id: 'a', type: 'shell', params: {} }) },
    ];
    const { status, body } = await batch({ mode: 'each', items });
    expect([status, body.created, body.refused]).toEqual([200, 1, 5]);
    const told = body.items.map((item) => [
      item.status,
      item.problem?.code,
      item.problem?.errors?.[0]?.pointer,
    ]);
    expect(told).toEqual([
      [201, undefined, undefined],
      [409, 'JOB_ALREADY_EXISTS', undefined],
      [400, 'INPUT_VALIDATION_FAILED', '/priority'],
      [400, 'INPUT_VALIDATION_FAILED', '/colour'],
      [400, 'INPUT_VALIDATION_FAILED', '/confirm'],
      [400, 'PLAN_INVALID', '/plan/steps/0/type'],
    ]);
  });

  it('for all makes none, and points to every fault', async () => {
    const items = [{ job_id: 'fine' }, { priority: 'high' }, { job_id: 'twice' }, { job_id: '..' }];
    const { status, body } = await client.post<Problem & { refused: number }>('/v1/jobs/batch', { items });
    expect([status, body.code, body.refused]).toEqual([422, 'BATCH_REFUSED', 2]);
    expect(body.errors?.map(({ pointer }) => pointer)).toEqual(['/items/1/priority', '/items/3']);
    expect((await client.get<Problem>('/v1/jobs/fine')).status).toBe(404);
  });

  it.each([
    [{}, '/items'],
    [{ items: [] }, '/items'],
    [{ items: [1] }, '/items'],
    [{ items: 'all' }, '/items'],
    [{ items: [{}], mode: 'some' }, '/mode'],
    [{ items: Array.from({ length: 1_001 }, () => ({})) }, '/items'],
  ])('refuses %j', async (body, pointer) => {
    const answer = await client.post<Problem>('/v1/jobs/batch', body);
    expect([answer.status, answer.body.errors?.[0]?.pointer]).toEqual([400, pointer]);
  });

  it('confirms nothing for a key that may not', async () => {
    const { key } = await deployment.key('mine', ['jobs:write']);
    const items = [{}, { plan: planOf(noop('a')), confirm: true }];
    const answer = await client.withKey(key).post<Problem>('/v1/jobs/batch', { mode: 'each', items });
    expect([answer.status, answer.body.code]).toEqual([403, 'AUTH_SCOPE_MISSING']);
  });
});

describe('a task over many jobs', () => {
  it('cancels what fits, past the death of its worker, each job once', async () => {
    const items = Array.from({ length: 1_000 }, () => ({ labels: { wave: 'one' } }));
    expect((await batch({ items })).body.created).toBe(1_000);
    await batch({ items: [{ labels: { wave: 'two' } }] });
    const filter = { label: ['wave=one'], status: ['created', 'queued'] };
    const preview = await client.post<TaskPreviewBody>('/v1/jobs/cancel', { filter, dry_run: true });
    expect([preview.status, preview.body.jobs, preview.body.examples.length]).toEqual([
      200,
      { value: 1_000, relation: 'exact' },
      20,
    ]);
    const begun = await client.post<TaskBody>('/v1/jobs/cancel', { filter, reason: REASON });
    const taskId = begun.body.task_id;
    expect([begun.status, begun.headers.get('location')]).toEqual([202, `/v1/tasks/${taskId}`]);
    await eventually(async () => (await client.get<TaskBody>(`/v1/tasks/${taskId}`)).body.moved_jobs > 0);
    await worker.stop('SIGKILL');
    const { body: halfway } = await client.get<TaskBody>(`/v1/tasks/${taskId}`);
    worker = await deployment.worker();
    const done = await ended(taskId);
    expect(done).toMatchObject({ status: 'done', moved_jobs: 1_000, refused_jobs: 0, failures: [] });
    expect(halfway.moved_jobs).toBeLessThanOrEqual(1_000);
    const rows = await deployment.sql<{ rows: number; jobs: number; reasons: number }>(
      `SELECT count(*)::int AS rows, count(DISTINCT resource_id)::int AS jobs, count(DISTINCT reason)::int AS reasons
       FROM audit_event WHERE action = 'job.cancelled' AND metadata ->> 'task_id' = $1`,
      [taskId],
    );
    expect(rows).toEqual([{ rows: 1_000, jobs: 1_000, reasons: 1 }]);
    expect(await total('label=wave%3Dtwo&status=created')).toBe(1);
    const { items: told } = (
      await client.get<AuditPage>(`/v1/audit?resource_type=task&resource_id=${taskId}`)
    ).body;
    expect(told.map(({ action, reason }) => [action, reason])).toEqual([
      ['task.done', REASON],
      ['task.begun', REASON],
    ]);
  });

  it('retries what has failed', async () => {
    const plan = planOf(sql('broken', 'SELECT nothing_of_the_kind'));
    const { body } = await batch({
      items: [1, 2, 3].map(() => ({ plan, confirm: true, labels: { try: 'it' } })),
    });
    for (const { job_id } of body.items) await client.get(`/v1/jobs/${job_id!}`, { prefer: 'wait=60' });
    const filter = { label: ['try=it'] };
    const begun = await client.post<TaskBody>('/v1/jobs/retry', { filter }, { 'x-ss-reason': REASON });
    expect(await ended(begun.body.task_id)).toMatchObject({ move: 'retry', moved_jobs: 3 });
    for (const { job_id } of body.items) {
      await client.get(`/v1/jobs/${job_id!}`, { prefer: 'wait=60' });
      const { items } = (await client.get<{ items: unknown[] }>(`/v1/jobs/${job_id!}/runs`)).body;
      expect(items).toHaveLength(2);
    }
  });

  it.each([
    [{ filter: {} }, '/filter'],
    [{ filter: [] }, '/filter'],
    [{ filter: { colour: 'red' } }, '/filter/colour'],
    [{ filter: { status: ['asleep'] } }, '/filter/status'],
    [{ filter: { label: ['x'] } }, '/filter/label'],
    [{ dry_run: true }, '/filter'],
    [{ filter: { text: 'x' }, dry_run: 'yes' }, '/dry_run'],
  ])('refuses %j', async (body, pointer) => {
    for (const move of ['cancel', 'retry']) {
      const answer = await client.post<Problem>(`/v1/jobs/${move}`, { reason: REASON, ...body });
      expect([answer.status, answer.body.errors?.[0]?.pointer]).toEqual([400, pointer]);
    }
  });

  it('that nobody has is not found', async () => {
    for (const taskId of ['x', '00000000-0000-4000-8000-000000000000']) {
      const answer = await client.get<Problem>(`/v1/tasks/${taskId}`);
      expect([answer.status, answer.body.code]).toEqual([404, 'TASK_NOT_FOUND']);
    }
  });
});

it('the log tells of tasks and says no secret', () => {
  const done = deployment.programs.flatMap(({ log }) =>
    log.filter((line) => line.event === 'SS_WORKER_TASK_DONE'),
  );
  expect(done).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ move: 'cancel', jobs: 1_000, refused_jobs: 0, tenant_id: 'mine' }),
    ]),
  );
  expectCleanLog(deployment, [client.key!, REASON]);
});
