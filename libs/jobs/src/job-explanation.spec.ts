import { describe, expect, it } from '@jest/globals';
import { COUNT_AHEAD_TO, explain, type LivingWorker, type Situation } from './job-explanation.js';
import type { Job } from './job.js';

const NOW = '2026-05-04T03:00:00.000000Z';
const EARLIER = '2026-05-04T02:00:00.000000Z';
const LATER = '2026-05-04T04:00:00.000000Z';

const JOB: Job = {
  tenant_id: 'acme',
  job_id: 'job-1',
  version: 3,
  status: 'queued',
  requirement: null,
  priority: 0,
  labels: {},
  inputs_fingerprint: null,
  draft_revision: 1,
  draft_task: null,
  plan_id: 'x',
  attempts: 0,
  lost_runs: 0,
  needs: ['sql'],
  lease_no: 0,
  run_id: null,
  error: null,
  trace_id: 'x',
  created_at: EARLIER,
  updated_at: EARLIER,
  confirmed_at: EARLIER,
  queued_at: EARLIER,
  scheduled_at: null,
  expires_at: null,
  started_at: null,
  finished_at: null,
  erased_at: null,
  trace_parent: null,
  trace_state: null,
};
const worker = (given: Partial<LivingWorker> = {}): LivingWorker => {
  return { worker_id: 'w1', slots: 4, busy_slots: 1, seen_at: NOW, missing: [], ...given };
};
const place = { notBefore: EARLIER, parked: false, ahead: 0 };

function of(job: Partial<Job>, given: Partial<Situation> = {}): ReturnType<typeof explain> {
  return explain({
    now: NOW,
    job: { ...JOB, ...job },
    queue: 'job.run',
    pause: null,
    place,
    running: null,
    workers: [worker()],
    lastSeenAt: NOW,
    run: null,
    ...given,
  });
}
const codes = (...args: Parameters<typeof of>): string[] => of(...args).reasons.map(({ code }) => code);

describe('the explanation of a queued job', () => {
  it('says that it is next when nothing is in the way', () => {
    const { runnable, reasons } = of({});
    expect(runnable).toBe(true);
    expect(reasons).toMatchObject([{ code: 'IN_LINE', ahead: 0, ahead_is_exact: true, since: EARLIER }]);
  });

  it('says that its tenant has as many running as it may, parked already or not, and how many of its own go first', () => {
    const running = { limit: 3, current: 3 };
    const parked = of({}, { running, place: { ...place, parked: true, ahead: 7 } });
    expect(parked).toMatchObject({
      runnable: false,
      reasons: [{ code: 'TENANT_AT_LIMIT', limit: 3, current: 3, ahead: 7, ahead_is_exact: true }],
    });
    expect(codes({}, { running })).toEqual(['TENANT_AT_LIMIT', 'IN_LINE']);
    expect(codes({}, { running: { limit: 3, current: 2 } })).toEqual(['IN_LINE']);
    // Its place is free, and the next look lets it in.
    expect(codes({}, { running: { limit: 4, current: 3 }, place: { ...place, parked: true } })).toEqual([
      'IN_LINE',
    ]);
    expect(codes({ scheduled_at: LATER }, { running })).toEqual(['WAITING_FOR_TIME', 'TENANT_AT_LIMIT']);
  });

  it('counts no further than it was counted', () => {
    expect(of({}, { place: { ...place, ahead: COUNT_AHEAD_TO } }).reasons).toMatchObject([
      { code: 'IN_LINE', ahead_is_exact: false, detail: expect.stringContaining('at least') },
    ]);
  });

  it('tells a time that the client set from the pause after a failure, and stands in no line before it', () => {
    const early = of({ scheduled_at: LATER });
    expect([early.runnable, early.reasons]).toMatchObject([
      false,
      [{ code: 'WAITING_FOR_TIME', until: LATER }],
    ]);
    const error = { code: 'SQL_FAILED', message: 'x' };
    const failed = of({ scheduled_at: LATER, attempts: 2, error });
    expect(failed.reasons).toMatchObject([{ code: 'RETRY_BACKOFF', until: LATER, attempt: 2 }]);
    expect(codes({ scheduled_at: EARLIER, attempts: 2, error })).toEqual(['IN_LINE']);
  });

  it('names who paused the queue, since when and why', () => {
    const pause = {
      queue_name: 'job.run',
      reason: 'maintenance',
      paused_by: 'operator:ann',
      paused_at: EARLIER,
    };
    const { runnable, reasons } = of({}, { pause });
    expect(runnable).toBe(false);
    expect(reasons[0]).toMatchObject({
      code: 'QUEUE_PAUSED',
      queue: 'job.run',
      since: EARLIER,
      by: 'operator:ann',
      reason: 'maintenance',
    });
  });

  it('tells no worker at all from workers that lack something, and says what each lacks', () => {
    const none = of({}, { workers: [], lastSeenAt: EARLIER });
    expect(none.reasons[0]).toMatchObject({ code: 'NO_WORKER_ALIVE', last_seen_at: EARLIER });
    const needs = ['command:stata', 'sql'];
    const lacking = of({ needs }, { workers: [worker({ missing: ['command:stata'] })] });
    expect(lacking.runnable).toBe(false);
    expect(lacking.reasons[0]).toMatchObject({
      code: 'NO_WORKER_WITH',
      needs,
      missing: ['command:stata'],
      workers: [{ worker_id: 'w1', missing: ['command:stata'] }],
    });
    // Each has a part of it, and none has all.
    const parts = [worker({ missing: ['sql'] }), worker({ missing: ['command:stata'] })];
    expect(of({ needs }, { workers: parts }).reasons[0]).toMatchObject({
      code: 'NO_WORKER_WITH',
      missing: [],
    });
  });

  it('says that slots are busy only when all that could take it are full', () => {
    const full = worker({ busy_slots: 4 });
    expect(codes({}, { workers: [full] })).toEqual(['ALL_SLOTS_BUSY', 'IN_LINE']);
    expect(codes({}, { workers: [full, worker()] })).toEqual(['IN_LINE']);
    expect(codes({}, { workers: [full, worker({ missing: ['sql'] })] })).toEqual([
      'ALL_SLOTS_BUSY',
      'IN_LINE',
    ]);
    expect(of({}, { workers: [full] }).runnable).toBe(true);
  });

  it('says that the message is missing', () => {
    const { runnable, reasons } = of({}, { place: null });
    expect([runnable, reasons]).toMatchObject([false, [{ code: 'MESSAGE_MISSING', queue: 'job.run' }]]);
  });

  it('tells when it expires, and that its time is over', () => {
    expect(of({ expires_at: LATER })).toMatchObject({ runnable: true });
    expect(codes({ expires_at: LATER })).toEqual(['IN_LINE', 'EXPIRES_AT']);
    expect(of({ expires_at: EARLIER })).toMatchObject({ runnable: false });
  });
});

describe('the explanation of any other job', () => {
  it.each([
    [{ draft_revision: 0 }, 'none'],
    [{ draft_revision: 1 }, 'ready'],
    [{ draft_task: { task_id: 't', state: 'failed' as const } }, 'failed'],
  ])('says what is to be done before it can be confirmed: %j', (given, draft_status) => {
    const { runnable, reasons } = of({ status: 'created', ...given }, { queue: null, place: null });
    expect([runnable, reasons]).toMatchObject([false, [{ code: 'NOT_CONFIRMED', draft_status }]]);
  });

  it('tells of a draft that nobody can make', () => {
    const draft_task = { task_id: 't', state: 'pending' } as const;
    expect(
      codes({ status: 'created', draft_task }, { queue: 'job.draft', place: null, workers: [] }),
    ).toEqual(['NOT_CONFIRMED', 'NO_WORKER_ALIVE', 'MESSAGE_MISSING']);
  });

  it('says that it is held', () => {
    expect(codes({ status: 'confirmed' }, { queue: null, place: null })).toEqual(['HELD']);
  });

  it('says where it runs, and whether that worker was heard of in time', () => {
    const run = {
      ...{ run_id: 'r', worker_id: 'w1', attempt: 1, lease_no: 5 },
      ...{ started_at: EARLIER, lease_until: LATER },
    };
    const given = { queue: null, place: null, run };
    expect(of({ status: 'running' }, given)).toMatchObject({
      runnable: false,
      reasons: [{ code: 'RUNNING_ON', worker_id: 'w1', lease_no: 5, since: EARLIER }],
    });
    expect(codes({ status: 'running' }, { ...given, run: { ...run, lease_until: EARLIER } })).toEqual([
      'RUNNING_ON',
      'LEASE_EXPIRED',
    ]);
  });

  it('says how it ended', () => {
    const error = { code: 'SQL_FAILED', message: 'x' };
    expect(of({ status: 'failed', error, finished_at: EARLIER })).toMatchObject({
      runnable: false,
      reasons: [{ code: 'ENDED', since: EARLIER, error_code: 'SQL_FAILED' }],
    });
  });
});
