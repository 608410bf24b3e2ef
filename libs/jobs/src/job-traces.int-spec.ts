import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger, newTraceId, startTracing, type TraceContext } from '#observability';
import { aTenant, JobPrograms, NOOP_PLAN, OtlpReceiver, type TestDatabase, testDatabase } from '#testing';
import type { Job } from './job.js';
import type { NewJobRequest } from './job-lifecycle.js';
import { QueueReconciler } from './queue-reconciler.js';
import type { ClaimedRun } from './run.js';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  // A message that another test left would be claimed here.
  await db.sql('DELETE FROM pgboss.job');
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const client = (traceId: string): TraceContext => ({
  ...{ traceId, spanId: 'b7ad6b7169203331', flags: 1, state: 'vendor=1' },
});
const headerOf = (traceId: string): string => `00-${traceId}-b7ad6b7169203331-01`;

async function submit(given: Partial<NewJobRequest> = {}): Promise<Job> {
  const request = { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true, ...given };
  return (await programs.lifecycle.create(programs.client(tenantId), request, null)).job;
}

async function claim(): Promise<ClaimedRun | undefined> {
  const [run] = await programs.runs.claim(programs.workerIdentity, 1);
  return run;
}

describe('the trace of a job', () => {
  it('comes from who asked for it, and goes with its message to the worker', async () => {
    const traceId = newTraceId();
    const job = await submit({ traceId, traceParent: client(traceId) });
    expect(job).toMatchObject({
      trace_id: traceId,
      trace_parent: headerOf(traceId),
      trace_state: 'vendor=1',
    });
    const [message] = await db.sql<{ data: { trace: unknown } }>('SELECT data FROM pgboss.job');
    const trace = {
      ...{ trace_id: traceId, traceparent: headerOf(traceId), tracestate: 'vendor=1' },
      at: Date.parse(job.created_at),
    };
    expect(message?.data.trace).toEqual(trace);
    expect(await claim()).toMatchObject({ traceId, trace });
  });

  it('is only its id where nobody told a span', async () => {
    const job = await submit();
    expect(job).toMatchObject({ trace_parent: null, trace_state: null });
    expect((await claim())?.trace).toMatchObject({ trace_id: job.trace_id });
  });

  it('is told by the row where the message knows nothing of it', async () => {
    const traceId = newTraceId();
    await submit({ traceId, traceParent: client(traceId) });
    await db.sql(`UPDATE pgboss.job SET data = data - 'trace'`);
    expect((await claim())?.trace).toMatchObject({
      trace_id: traceId,
      traceparent: headerOf(traceId),
      tracestate: 'vendor=1',
      at: expect.any(Number),
    });
  });

  it('is told again to a worker that did not hear the answer to its claim', async () => {
    const traceId = newTraceId();
    const job = await submit({ traceId, traceParent: client(traceId) });
    await claim();
    const unknown = await programs.runs.findUnknown(programs.workerIdentity, []);
    expect(unknown.find(({ jobId }) => jobId === job.job_id)).toMatchObject({
      traceId,
      trace: { trace_id: traceId, traceparent: headerOf(traceId) },
    });
  });

  it('is not that of a span of another trace', async () => {
    expect(await submit({ traceParent: client(newTraceId()) })).toMatchObject({ trace_parent: null });
  });

  it('goes with the message of a draft, also with one that the reconciler sent', async () => {
    const job = await submit({ plan: undefined, confirm: undefined });
    await db.sql(
      `UPDATE job SET version = version + 1, draft_task = '{"task_id": "t", "state": "pending"}' WHERE job_id = $1`,
      [job.job_id],
    );
    await new QueueReconciler(programs.worker, programs.workerQueue, programs.workerScope).round();
    expect(await programs.workerQueue.hold('job.draft')).toMatchObject({
      jobId: job.job_id,
      trace: { trace_id: job.trace_id },
    });
  });

  it('keeps a span of its own trace only, also from psql', async () => {
    const job = await submit();
    const set = (parent: string, state: string | null): Promise<unknown> =>
      db.sql('UPDATE job SET version = version + 1, trace_parent = $2, trace_state = $3 WHERE job_id = $1', [
        job.job_id,
        parent,
        state,
      ]);
    await expect(set(headerOf(newTraceId()), null)).rejects.toMatchObject({
      constraint: 'job_trace_parent_is_of_its_trace',
    });
    await expect(set(headerOf(job.trace_id), 'x'.repeat(513))).rejects.toMatchObject({
      constraint: 'job_trace_state_is_short',
    });
    await expect(
      db.sql(`UPDATE job SET version = version + 1, trace_state = 'a=1' WHERE job_id = $1`, [job.job_id]),
    ).rejects.toMatchObject({ constraint: 'job_trace_state_has_a_parent' });
    await set(headerOf(job.trace_id), 'a=1');
  });
});

describe('a claim that is traced', () => {
  it('is in the trace of its job, or with several links to each of them', async () => {
    const receiver = await OtlpReceiver.http();
    const logger = createLogger({ program: 'test', level: 'silent' });
    const file = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
    const tracing = await startTracing({ service: 'ss-test', environment: process.env, file, logger });
    try {
      const [one, ...others] = [newTraceId(), newTraceId(), newTraceId()];
      await submit({ traceId: one, traceParent: client(one) });
      await claim();
      for (const traceId of others) await submit({ traceId, traceParent: client(traceId) });
      await programs.runs.claim(programs.workerIdentity, 10);
      expect(await claim()).toBeUndefined();
      await tracing.stop();
      const claims = receiver.spans.filter(({ name }) => name === 'receive job.run');
      expect(
        claims.map(({ traceId, links }) => [traceId === one, links.map((link) => link.traceId).sort()]),
      ).toEqual([
        [true, []],
        [false, [...others].sort()],
      ]);
    } finally {
      await tracing.stop();
      await receiver.stop();
    }
  });
});
