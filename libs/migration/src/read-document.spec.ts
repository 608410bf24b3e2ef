import { describe, expect, it } from '@jest/globals';
import { Quarantined } from './reasons.js';
import { readDocument } from './read-document.js';
import { A_PLAN, A_RUN, aDocument } from './tree.fixture.js';

const IDENTITY = { tenantId: 'default', jobId: 'job_a' };
const bytesOf = (given: Record<string, unknown>): Uint8Array =>
  Buffer.from(JSON.stringify(aDocument('job_a', given)));
const readText = (text: string): ReturnType<typeof readDocument> => readDocument(Buffer.from(text), IDENTITY);
const reasonOf = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    if (error instanceof Quarantined)
      return [error.reason, ...error.details.map((detail) => detail.pointer ?? '')];
    throw error;
  }
  return 'read';
};

describe('readDocument', () => {
  it('fills in what the legacy reader fills in, and keeps keys that nobody knows', () => {
    const { job, repairs } = readDocument(bytesOf({ owner: { deep: [null] } }), IDENTITY);
    expect(repairs).toEqual([]);
    expect(job).toEqual({
      ...aDocument('job_a'),
      ...{
        status: 'created',
        requirement: null,
        confirmation: null,
        scheduled_at: null,
        inputs: null,
        draft: null,
      },
      ...{ llm_plan: null, selected_template_id: null, output_formats: null, runs: [], artifacts_index: [] },
      ...{ redeem_task_code: null, auth_token: null, auth_expires_at: null, owner: { deep: [null] } },
    });
  });

  it('gives a job without a trace id always the same one, and leaves any text that is one', () => {
    const traceOf = (trace_id: unknown): string => readDocument(bytesOf({ trace_id }), IDENTITY).job.trace_id;
    expect(traceOf(null)).toMatch(/^[0-9a-f]{32}$/);
    expect(traceOf(' ')).toBe(traceOf(null));
    expect(traceOf(7)).toBe(traceOf(null));
    expect(traceOf('not hex')).toBe('not hex');
  });

  it('takes options that were texts for options', () => {
    const question = {
      question_id: 'q',
      question_text: '?',
      question_type: 'single_choice',
      options: ['a', 'b'],
    };
    const draft = { text: 't', created_at: 'c', stage1_questions: [question] };
    const { job, repairs } = readDocument(bytesOf({ draft }), IDENTITY);
    expect(repairs).toEqual([{ reason: 'OPTION_STRINGS', pointer: '/draft/stage1_questions/0/options' }]);
    expect(job.draft).toMatchObject({
      stage1_questions: [
        {
          options: [
            { option_id: 'a', label: 'a', value: 'a' },
            { option_id: 'b', label: 'b', value: 'b' },
          ],
        },
      ],
    });
  });

  it.each([
    [{ job_id: 'another' }, '/job_id'],
    [{ job_id: '../x' }, '/job_id'],
    [{ tenant_id: 'tenant-b' }, '/tenant_id'],
  ])('lets the folder decide whose it is: %j', (given, pointer) => {
    const { job, repairs } = readDocument(bytesOf(given), IDENTITY);
    expect(repairs).toEqual([{ reason: 'IDENTITY_FROM_DIRECTORY', pointer }]);
    expect(job).toMatchObject({ job_id: 'job_a', tenant_id: 'default' });
  });

  it.each([
    [{ version: '7' }, '/version', 7],
    [{ version: true }, '/version', 1],
  ])('takes %j for a number, as the legacy reader does', (given, pointer, version) => {
    const { job, repairs } = readDocument(bytesOf(given), IDENTITY);
    expect(repairs).toEqual([{ reason: 'NUMBER_COERCED', pointer }]);
    expect(job.version).toBe(version);
  });

  it('takes what follows a byte order mark', () => {
    const { repairs } = readDocument(Buffer.from(`\ufeff${JSON.stringify(aDocument('job_a'))}`), IDENTITY);
    expect(repairs).toEqual([{ reason: 'BOM_REMOVED' }]);
  });

  it.each([
    ['{"schema_version": 3', 'JSON_INVALID'],
    ['', 'JSON_INVALID'],
    ['[]', 'NOT_AN_OBJECT'],
    ['null', 'NOT_AN_OBJECT'],
    ['{}', 'SCHEMA_VERSION_MISSING'],
    ['{"schema_version": null}', 'SCHEMA_VERSION_UNSUPPORTED'],
  ])('quarantines %j', (text, reason) => {
    expect(reasonOf(() => readText(text))).toEqual(expect.arrayContaining([reason]));
  });

  it('quarantines what is no UTF-8', () => {
    expect(reasonOf(() => readDocument(Uint8Array.of(0xff, 0xfe, 0x7b, 0), IDENTITY))).toEqual([
      'ENCODING_INVALID',
    ]);
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['an unknown status', { status: 'paused' }, ['/status']],
    ['a status of another case', { status: 'QUEUED' }, ['/status']],
    ['a missing created_at', { created_at: undefined }, ['/created_at']],
    ['a version of nought', { version: 0 }, ['/version']],
    ['a version that no column can hold', { version: '9223372036854775808' }, ['/version']],
    ['a requirement that is a number', { requirement: 1 }, ['/requirement']],
    ['lists that are null', { runs: null, artifacts_index: null }, ['/runs', '/artifacts_index']],
    ['an unsafe tenant', { tenant_id: '../x' }, ['/tenant_id']],
    ['a key that the confirmation does not have', { confirmation: { x: 1 } }, ['/confirmation/x']],
    ['a plan of another version', { llm_plan: { ...A_PLAN, plan_version: 2 } }, ['/llm_plan/plan_version']],
    [
      'a plan that names no step',
      { llm_plan: { ...A_PLAN, steps: [{ ...A_PLAN.steps[0], depends_on: ['x'] }] } },
      ['/llm_plan/steps/0/depends_on/0'],
    ],
    [
      'a plan with one step twice',
      { llm_plan: { ...A_PLAN, steps: [A_PLAN.steps[0], A_PLAN.steps[0]] } },
      ['/llm_plan/steps'],
    ],
    [
      'an unknown kind of artifact',
      { artifacts_index: [{ kind: 'x', rel_path: 'a' }] },
      ['/artifacts_index/0/kind'],
    ],
    ['a run without an id', { runs: [{ ...A_RUN, run_id: undefined }] }, ['/runs/0/run_id']],
  ])('quarantines %s, and says where', (_what, given, pointers) => {
    expect(reasonOf(() => readDocument(bytesOf(given), IDENTITY))).toEqual(['DOCUMENT_INVALID', ...pointers]);
  });

  it.each(['', '/etc/passwd', '../x', 'a/../b', '~/x', 'a\\b'])('quarantines the path %j', (rel_path) => {
    const given = { artifacts_index: [{ kind: 'stata.log', rel_path }] };
    expect(reasonOf(() => readDocument(bytesOf(given), IDENTITY))).toEqual([
      'PATH_UNSAFE',
      '/artifacts_index/0/rel_path',
    ]);
  });

  it.each(['.', './a', 'a//b', 'C:/x', ' '])('takes the path %j, as the legacy reader does', (rel_path) => {
    const given = { artifacts_index: [{ kind: 'stata.log', rel_path }] };
    expect(reasonOf(() => readDocument(bytesOf(given), IDENTITY))).toBe('read');
  });
});
