import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { messagesOf, type TestDatabase, testDatabase } from '#testing';
import { join } from 'node:path';
import { Lifting } from '../lifting.fixture.js';
import { A_PLAN, A_RUN, TestTree } from '../tree.fixture.js';

let db: TestDatabase;
let lifting: Lifting;
let tree: TestTree;

beforeAll(async () => {
  db = await testDatabase();
  lifting = await Lifting.start(db.database('ss_operator'));
});
afterAll(async () => {
  await lifting.stop();
  await db.drop();
});
beforeEach(async () => {
  tree = await TestTree.make();
  const runs = [{ ...A_RUN, status: 'running', ended_at: null }];
  await tree.put('jobs/keep', '');
  const put = (jobId: string, given: Record<string, unknown>): Promise<string> =>
    tree.put(`jobs/${jobId}/job.json`, { ...documentOf(jobId), ...given });
  await put('job_q_1', { status: 'queued', llm_plan: A_PLAN });
  await put('job_r_1', { status: 'running', llm_plan: A_PLAN, runs });
  await put('job_s_1', { status: 'succeeded' });
  await put('job_d_1', { status: 'draft_ready', draft: { text: 't', created_at: 'c' } });
  const claim = {
    enqueued_at: 'x',
    claim_id: 'c',
    worker_id: 'w',
    lease_expires_at: '2026-01-20T08:00:00+00:00',
  };
  await tree.put('queue/queued/job_q_1.json', { job_id: 'someone else', enqueued_at: 'x' });
  await tree.put('queue/claimed/job_q_1__11.json', { ...claim, job_id: 'job_q_1' });
  await tree.put('queue/claimed/job_r_1__22.json', { ...claim, job_id: 'job_r_1' });
  await tree.put('queue/claimed/job_s_1__33.json', { ...claim, job_id: 'job_s_1' });
  await tree.put('queue/queued/job_d_1.json', {});
  await tree.put('queue/queued/job_gone.json', {});
  await tree.put('queue/queued/job_cut.json', '{"job_id": ');
  await tree.put('queue/queued/default/job_list.json', '[]');
  await tree.put('queue/claimed/job_x__44.json', { ...claim, job_id: '../x' });
  await tree.put('queue/claimed/job_y__55.json', {
    ...claim,
    job_id: 'job_y',
    lease_expires_at: '2026-01-20T08:00:00',
  });
  await tree.put('queue/claimed/tmpabcdefgh', '{');
});
afterEach(async () => {
  await tree.remove();
});

function documentOf(job_id: string): Record<string, unknown> {
  return {
    schema_version: 3,
    job_id,
    created_at: '2026-01-20T08:00:00+00:00',
    trace_id: 'ab'.repeat(16),
    version: 2,
  };
}

const EXPECTED = {
  'queued/job_q_1.json': 'enqueue',
  'queued/job_d_1.json': 'ignored JOB_NOT_READY',
  'queued/job_gone.json': 'ignored JOB_MISSING',
  'queued/job_cut.json': 'quarantined RECORD_INVALID',
  'queued/default/job_list.json': 'quarantined RECORD_INVALID',
  'claimed/job_q_1__11.json': 'ignored DUPLICATE_RECORD',
  'claimed/job_r_1__22.json': 'enqueue INTERRUPTED',
  'claimed/job_s_1__33.json': 'ignored JOB_FINISHED',
  'claimed/job_x__44.json': 'quarantined RECORD_INVALID',
  'claimed/job_y__55.json': 'quarantined RECORD_INVALID',
};

describe('the records of a legacy queue', () => {
  it.each([true, false])('are each told of, and none stops the rest (dry run: %s)', async (dryRun) => {
    const { items, result } = await lifting.run(join(tree.root, 'jobs'), {
      queue: join(tree.root, 'queue'),
      dryRun,
    });
    const records = items.filter((item) => item.kind === 'queue_record');
    expect(
      Object.fromEntries(records.map((item) => [item.path, [item.outcome, ...item.reasons].join(' ')])),
    ).toEqual(EXPECTED);
    expect(result.queue).toEqual({ enqueue: 2, ignored: 4, quarantined: 4 });
  });

  it('lead to one message for a job that waits, whatever there was of them', async () => {
    await lifting.run(join(tree.root, 'jobs'), { queue: join(tree.root, 'queue') });
    for (const [job_id, messages] of [
      ['job_q_1', ['job.run']],
      ['job_r_1', ['job.run']],
      ['job_s_1', []],
    ] as const) {
      expect(await messagesOf(db, { tenant_id: 'default', job_id })).toEqual(messages);
    }
  });
});
