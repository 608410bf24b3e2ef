import { describe, expect, it } from '@jest/globals';
import { parsePlan } from '#plans';
import { readDocument } from '../read-document.js';
import { A_PLAN, A_RUN, aDocument } from '../tree.fixture.js';
import { sortedJson } from './sorted-json.js';
import type { StoredJob } from './stored-job.js';
import { toDocument } from './to-document.js';
import { LIFTED, type MappedJob, type RunningPolicy, toRows } from './to-rows.js';

const FILE_TIME = '2026-02-01T00:00:00.000000Z';
const IDENTITY = { tenantId: 'default', jobId: 'job_a' };

function jobOf(given: Record<string, unknown>): ReturnType<typeof readDocument>['job'] {
  return readDocument(Buffer.from(JSON.stringify(aDocument('job_a', given))), IDENTITY).job;
}

function map(given: Record<string, unknown>, running: RunningPolicy = 'requeue'): MappedJob {
  return toRows(jobOf(given), FILE_TIME, running);
}

function stored({ rows }: MappedJob): StoredJob {
  return { ...rows, draft: rows.draft && { ...rows.draft, has_steps: rows.draft.steps.length > 0 } };
}

const DRAFT = {
  text: 'A table.',
  created_at: '2026-01-20T08:01:00+00:00',
  outcome_var: 'y',
  draft_id: 'draft_1',
};

describe('toRows', () => {
  it('puts what a column can say into the column, and what none can into legacy', () => {
    const { rows, repairs } = map({
      ...{ status: 'succeeded', version: 6, requirement: 'why?', scheduled_at: '2026-01-20T08:05:00+00:00' },
      ...{ draft: DRAFT, llm_plan: A_PLAN, runs: [A_RUN], owner: 'me', selected_template_id: 'T01' },
      inputs: { fingerprint: 'sha256:0', manifest_rel_path: null },
      confirmation: { notes: 'go' },
    });
    expect(repairs).toEqual([]);
    expect(rows.job).toMatchObject({
      ...{
        status: 'succeeded',
        version: 6,
        requirement: 'why?',
        inputs_fingerprint: 'sha256:0',
        lease_no: 1,
      },
      ...{
        draft_revision: 1,
        created_at: '2026-01-20T08:00:00.250000Z',
        queued_at: '2026-01-20T08:05:00.000000Z',
      },
      ...{ finished_at: '2026-01-20T08:07:00.000001Z', updated_at: FILE_TIME, schema_version: 3 },
    });
    expect(Object.keys(rows.job.legacy).sort()).toEqual([
      'confirmation',
      'inputs',
      'owner',
      'selected_template_id',
    ]);
    expect(rows.runs).toEqual([
      {
        ...{ run_id: '44444444-4444-4444-4444-444444444444', attempt: 1, lease_no: 1, outcome: 'succeeded' },
        ...{ started_at: '2026-01-20T08:06:00.000000Z', ended_at: '2026-01-20T08:07:00.000001Z' },
        legacy: { artifacts: [] },
      },
    ]);
    expect(rows.plan).toMatchObject({ plan_id: rows.job.plan_id, notes: 'go', draft_revision: 1 });
    expect(parsePlan(rows.plan?.document)).toEqual(rows.plan?.document);
    expect(rows.draft).toMatchObject({ text: 'A table.', steps: [] });
  });

  it('keeps of secrets their hashes alone', () => {
    const { rows } = map({ auth_token: 'ssv1.job_a.0123', redeem_task_code: 'tc_secret' });
    const text = JSON.stringify(rows);
    expect(text).not.toContain('0123');
    expect(text).not.toContain('tc_secret');
    expect(rows.job.legacy[LIFTED]).toEqual({
      auth_token_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      redeem_task_code_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('gives the steps of a plan that was frozen too early to the draft', () => {
    const { rows } = map({ status: 'draft_ready', draft: DRAFT, llm_plan: A_PLAN });
    expect(rows.job.plan_id).toBeNull();
    expect(rows.plan).toBeNull();
    expect(rows.draft?.steps.map((step) => step.step_id)).toEqual(['generate_do', 'run_stata']);
  });

  it('keeps a plan whose steps wait for each other, and says that it cannot run', () => {
    const steps = [{ step_id: 'a', type: 'run_stata', depends_on: ['a'] }];
    const mapped = map({ status: 'queued', llm_plan: { ...A_PLAN, steps } });
    expect(mapped.isRunnable).toBe(false);
    expect(mapped.repairs).toEqual([{ reason: 'PLAN_CYCLE', pointer: '/llm_plan/steps' }]);
    expect(mapped.rows.plan?.legacy['steps']).toMatchObject(steps);
  });

  it.each([
    ['requeue', 'interrupted', FILE_TIME],
    ['fail', 'interrupted', FILE_TIME],
    ['keep', null, null],
  ] as const)(
    'closes the run of a job that was left running, unless it is to be kept: %s',
    (policy, outcome, endedAt) => {
      const runs = [{ ...A_RUN, status: 'running', ended_at: null }];
      const { rows } = map({ status: 'running', runs }, policy);
      expect(rows.runs).toMatchObject([{ outcome, ended_at: endedAt }]);
    },
  );

  it('takes an instant without a zone as UTC, and one that is none as the file’s', () => {
    const { rows, repairs } = map({ created_at: '2026-01-18 10:00:00', scheduled_at: 'yesterday' });
    expect(rows.job).toMatchObject({ created_at: '2026-01-18T10:00:00.000000Z', scheduled_at: FILE_TIME });
    expect(repairs).toEqual([
      { reason: 'TIMESTAMP_NAIVE_UTC', pointer: '/created_at' },
      { reason: 'TIMESTAMP_UNPARSEABLE', pointer: '/scheduled_at' },
    ]);
  });
});

describe('toDocument', () => {
  it.each<[string, Record<string, unknown>]>([
    ['a job with nothing', {}],
    [
      'a finished one',
      {
        status: 'succeeded',
        draft: DRAFT,
        llm_plan: A_PLAN,
        runs: [A_RUN, { ...A_RUN, status: 'odd', exit_code: 9 }],
      },
    ],
    [
      'strange instants',
      { created_at: 'once', scheduled_at: '2026-01-18 10:00:00', runs: [{ ...A_RUN, started_at: null }] },
    ],
    ['a plan before its time', { status: 'created', llm_plan: A_PLAN }],
    [
      'a list that names a file twice',
      {
        artifacts_index: [
          { kind: 'llm.meta', rel_path: 'a' },
          { kind: 'stata.log', rel_path: 'b' },
          { kind: 'llm.meta', rel_path: 'a', sha: 1 },
        ],
      },
    ],
    [
      'a path that no column can hold',
      { artifacts_index: [{ kind: 'stata.log', rel_path: 'x'.repeat(3_000) }] },
    ],
    ['keys that nobody knows', { owner: null, priority: 5, x: { y: [1.5, { z: null }] } }],
    [
      'an attempt and a version beyond doubles',
      { version: '9223372036854775807', runs: [{ ...A_RUN, attempt: '9007199254740993' }] },
    ],
  ])('makes the document again out of the rows of %s', (_what, given) => {
    const job = jobOf(given);
    expect(sortedJson(toDocument(stored(toRows(job, FILE_TIME, 'keep'))).document)).toBe(sortedJson(job));
  });

  it('leads to the same rows again', () => {
    const first = map({
      status: 'running',
      auth_token: 'secret',
      runs: [{ ...A_RUN, status: 'running', ended_at: null }],
    });
    const { document } = toDocument(stored(first));
    const again = toRows(
      readDocument(Buffer.from(JSON.stringify(document)), IDENTITY).job,
      FILE_TIME,
      'requeue',
    );
    expect(sortedJson(again.rows)).toBe(sortedJson(first.rows));
  });

  it('says of a cancelled job that it failed, so that it does not run there', () => {
    const job = stored(map({ status: 'confirmed' }));
    const { document, notes } = toDocument({ ...job, job: { ...job.job, status: 'cancelled' } });
    expect([document['status'], notes]).toEqual(['failed', ['STATUS_MAPPED']]);
  });
});
