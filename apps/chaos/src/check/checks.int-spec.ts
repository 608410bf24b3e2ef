import type { Job } from '#jobs';
import { aJob, aRun, aTenant, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Call } from '../load/call-log.js';
import type { SentJob } from '../load/load.js';
import { checkSentJobs, checkShownMoves } from './acknowledged.js';
import { checkAnswers, WRONG } from './answers.js';
import { quiesce } from './quiesce.js';
import { nextStarts } from './replaced.js';

let db: TestDatabase;
let tenantId: string;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(async () => {
  await db.drop();
});
beforeEach(async () => {
  tenantId = await aTenant(db);
});

/** A job that a caller was promised, with the label that names it. */
async function promised(
  given: Partial<Job>,
  more: Partial<SentJob> = {},
): Promise<{ job: Job; sent: SentJob }> {
  const label = randomUUID();
  const job = await aJob(db, tenantId, { labels: { call: label }, ...given });
  return { job, sent: { ...sentAs(label), jobId: job.job_id, ...more } };
}

const sentAs = (label: string): SentJob => ({
  tenantId,
  jobId: null,
  label,
  kind: 'noop',
  ends: ['succeeded', 'failed COMMAND_FAILED'],
  isAcknowledged: true,
  isCancelled: false,
  mayBeCancelled: false,
});

const call = (more: Partial<Call>): Call => ({
  seq: 1,
  at: '',
  ms: 1,
  tenant_id: tenantId,
  operation: 'read',
  job_id: null,
  idempotency_key: null,
  verdict: 'acknowledged',
  status: 200,
  code: null,
  job: null,
  ...more,
});

const FAILED = { code: 'COMMAND_FAILED', message: '' };

describe('the check of what callers were promised', () => {
  it('has nothing to say when every job is there and ended as it may', async () => {
    const { sent: done } = await promised({ status: 'succeeded' });
    const { sent: failed } = await promised({ status: 'failed', error: FAILED });
    const { sent: cancelled } = await promised({ status: 'cancelled' }, { isCancelled: true });
    const { sent: perhaps } = await promised({ status: 'cancelled' }, { mayBeCancelled: true });
    const neverSeen = { ...sentAs('none'), isAcknowledged: false };
    expect(await checkSentJobs(db, [done, failed, cancelled, perhaps, neverSeen])).toEqual([]);
  });

  it('finds a job that is gone, and one that is there twice', async () => {
    const { sent } = await promised({ status: 'succeeded' });
    await aJob(db, tenantId, { status: 'succeeded', labels: { call: sent.label } });
    const gone = await checkSentJobs(db, [sentAs('nowhere'), sent]);
    expect(gone).toEqual([
      expect.stringMatching(/^I1: .*is gone/),
      expect.stringMatching(/^I13: .* 2 times/),
    ]);
  });

  it('finds an end that is wrong: another code, a cancel that nobody sent, a cancelled job that succeeded', async () => {
    const { sent: poison } = await promised({ status: 'failed', error: { code: 'POISON_JOB', message: '' } });
    const { sent: uncalled } = await promised({ status: 'cancelled' });
    const { sent: revived } = await promised({ status: 'succeeded' }, { isCancelled: true });
    const { sent: waiting } = await promised({ status: 'queued' });
    expect(await checkSentJobs(db, [poison, uncalled, revived, waiting])).toEqual([
      expect.stringMatching(/^P2: .* is failed POISON_JOB/),
      expect.stringMatching(/^P2: .* is cancelled/),
      expect.stringMatching(/^I1: .* was cancelled by its caller and is succeeded/),
      expect.stringMatching(/^P2: .* is queued/),
    ]);
  });

  it('finds a state that was shown and that the audit does not know', async () => {
    const job = await aJob(db, tenantId, { status: 'queued' });
    const { job_id, status } = job;
    await db.sql(`UPDATE job SET priority = 1, version = version + 1 WHERE tenant_id = $1 AND job_id = $2`, [
      tenantId,
      job_id,
    ]);
    const now = { job_id, status, version: job.version + 1 };
    expect(await checkShownMoves(db, [call({ job: now })])).toEqual([]);
    for (const shown of [
      { ...now, version: now.version + 1 },
      { ...now, status: 'running' },
      { ...now, job_id: 'nobody' },
    ]) {
      expect(await checkShownMoves(db, [call({ job: shown })])).toHaveLength(1);
    }
    expect(await checkShownMoves(db, [call({ job: now, tenant_id: 'another' })])).toHaveLength(1);
  });
});

describe('the check of answers', () => {
  it('lets pass what a caller may be told, and nothing else', () => {
    const right = [
      call({ status: 201 }),
      call({ status: 503, code: 'DATABASE_UNAVAILABLE' }),
      call({ status: 409, code: 'JOB_ILLEGAL_TRANSITION' }),
      call({ status: null, verdict: 'unknown' }),
      call({ status: 400, operation: `${WRONG}no JSON` }),
    ];
    expect(checkAnswers(right)).toEqual([]);
    for (const wrong of [
      call({ status: 500 }),
      call({ status: 404, code: 'JOB_NOT_FOUND' }),
      call({ status: 500, operation: `${WRONG}no JSON` }),
    ]) {
      expect(checkAnswers([wrong])).toHaveLength(1);
    }
  });
});

describe('coming to rest', () => {
  it('waits for what runs and what is due, not for what waits by right; and tells of each job once', async () => {
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const { job: running } = await promised({ status: 'running' });
    const { job: due } = await promised({ status: 'queued' });
    await promised({ status: 'queued', scheduled_at: later });
    await promised({ status: 'confirmed' });
    const left = await quiesce(db, 0);
    expect(left.filter((each) => each.includes(tenantId)).sort()).toEqual(
      [`${tenantId}/${due.job_id} queued`, `${tenantId}/${running.job_id} running`].sort(),
    );
    expect(await quiesce(db, 0)).toEqual([]);
  });
});

describe('the time until a lost job is taken up again', () => {
  it('is counted from the kill of its worker to the next run', async () => {
    const { job } = await promised({ status: 'running', lease_no: 2 });
    const ended = { ended_at: new Date().toISOString(), outcome: 'lost' as const };
    const lost = await aRun(db, job, { run_id: randomUUID(), lease_no: 1, ...ended });
    const startedAt = new Date().toISOString();
    await db.sql('UPDATE run SET started_at = $1 WHERE run_id = $2', [startedAt, job.run_id]);
    const at = Date.parse(startedAt) - 7_000;
    expect(await nextStarts(db, [{ workerId: lost.worker_id, at }])).toEqual([7_000]);
    expect(await nextStarts(db, [{ workerId: randomUUID(), at }])).toEqual([]);
  });
});
