import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Execution } from '#execution';
import { FakeModelServer } from '#fake-llm';
import { CallLedger, ModelCalls, OpenAiCompatible, type ToldExchange } from '#llm';
import { aTenant, FastClock, HeardLog, type TestDatabase, testDatabase } from '#testing';
import type { DraftContext, DraftProposal, DraftRequest } from '../drafter.js';
import { ModelDrafter } from './model-drafter.js';

let db: TestDatabase;
let tenantId: string;
let server: FakeModelServer;
let calls: ModelCalls;
let answers: string[];
let told: ToldExchange[];
const execution = new Execution();
const never = new AbortController().signal;

beforeAll(async () => {
  db = await testDatabase();
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  answers = [];
  told = [];
  server = await FakeModelServer.start({ answer: () => answers.shift() ?? 'nothing more to say' });
  calls = new ModelCalls({
    ledger: new CallLedger(db.database('ss_worker'), { actor: { kind: 'worker', id: 'w' }, source: 'test' }),
    models: [
      new OpenAiCompatible({
        ...{ provider: 'main', baseUrl: server.url, apiKey: null, model: 'm', temperature: null },
        ...{ answerFormat: 'json_schema', tokenLimitField: 'max_tokens', maxAnswerBytes: 100_000 },
      }),
    ],
    // What DuckDB takes on a busy machine counts ten times as well.
    clock: new FastClock(10),
    policy: { totalMs: 3_600_000 },
    logger: new HeardLog().logger,
  });
});
afterEach(async () => {
  await calls.stop();
  await server.stop();
});
afterAll(async () => {
  await db.drop();
});

const REQUEST: DraftRequest = {
  requirement: 'Compare mass by species',
  datasets: [
    {
      ...{ datasetKey: 'penguins', role: 'primary_dataset', originalName: 'penguins.csv', rowCount: 344 },
      columns: [
        { name: 'species', type: 'VARCHAR', nulls: 0, distinct: 3, min: 'Adelie', max: 'Gentoo' },
        { name: 'mass', type: 'BIGINT', nulls: 2, distinct: 94, min: '2700', max: '6300' },
      ],
    },
  ],
};

async function draft(
  given: Partial<DraftContext> = {},
  commandProfiles: string[] = [],
): Promise<DraftProposal> {
  const drafter = new ModelDrafter({
    calls,
    checkSql: (asked, signal) => execution.checkSql(asked, { timeoutMs: 20_000, signal }),
    commandProfiles,
    maxTokens: 500,
  });
  return drafter.draft(REQUEST, never, {
    ...{ tenantId, jobId: 'job-1', traceId: 'a'.repeat(32), taskId: 'task-1', ruleFallback: false },
    budget: { calls: null, tokens: null, costMicros: null },
    onExchange: (one) => void told.push(one),
    ...given,
  });
}

const sql = (id: string, text: string) => ({
  step_id: id,
  type: 'sql',
  params: { sql: text },
  purpose: 'Why not.',
});
const MEANS = sql('means', 'SELECT species, avg(mass) AS mean FROM penguins GROUP BY ALL ORDER BY ALL');
const CHART = {
  ...{ step_id: 'bars', type: 'chart', depends_on: ['means'] },
  params: {
    step: 'means',
    spec: { mark: 'bar', encoding: { x: { field: 'species' }, y: { field: 'mean' } } },
  },
};
const answer = (steps: unknown[], given: object = {}): string =>
  JSON.stringify({ text: 'I compare.', steps, assumptions: [], questions: [], warnings: [], ...given });

describe('a drafter with a language model', () => {
  it('drafts what the model answered, and says who wrote it', async () => {
    answers = [
      answer([MEANS, CHART], {
        assumptions: ['Mass is in grams.'],
        questions: [{ text: 'Which year?', options: ['2007', 'all'] }],
        warnings: [{ message: 'Two rows have no mass.', severity: 'info' }],
      }),
    ];
    expect(await draft()).toEqual({
      source: 'model',
      text: expect.stringMatching(/language model m; .*\n\nI compare\.$/s) as unknown,
      steps: [MEANS, CHART],
      assumptions: [{ id: 'assumption_1', text: 'Mass is in grams.' }],
      questions: [
        {
          ...{ question_id: 'question_1', text: 'Which year?' },
          options: [
            { option_id: 'option_1', label: '2007', value: '2007' },
            { option_id: 'option_2', label: 'all', value: 'all' },
          ],
        },
      ],
      warnings: [{ type: 'model', severity: 'info', message: 'Two rows have no mass.' }],
    });
    expect(server.log).toHaveLength(1);
  });

  it('shows the model once what DuckDB says of its SQL', async () => {
    answers = [answer([sql('means', 'SELECT avg(weight) FROM penguins')]), answer([MEANS])];
    expect(await draft()).toMatchObject({ source: 'model', steps: [MEANS], warnings: [] });
    expect(told.map(({ operation }) => operation)).toEqual(['draft', 'draft.rebind']);
    expect(told[1]!.messages.at(-1)!.content).toMatch(/step means: .*weight/);
  });

  it('drops what still does not bind, with all that needs it and a note', async () => {
    const bad = sql('means', 'SELECT avg(weight) AS mean FROM penguins');
    const fine = sql('counts', 'SELECT species, count(*) AS n FROM penguins GROUP BY ALL');
    answers = [answer([bad, CHART, fine]), answer([bad, CHART, fine])];
    const proposal = await draft();
    expect(proposal.steps.map(({ step_id }) => step_id)).toEqual(['counts']);
    expect(proposal.warnings.map(({ type, message }) => [type, message.slice(0, 24)])).toEqual([
      ['step_dropped', 'Step means was dropped, '],
      ['step_dropped', 'Step bars was dropped, b'],
    ]);
    expect(proposal.warnings[0]!.message).toMatch(/weight/);
    expect(server.log).toHaveLength(2);
  });

  it('makes do with the first answer when there is no second', async () => {
    answers = [answer([sql('a', 'SELECT weight FROM penguins'), MEANS])];
    server.misbehave('answer', 'error_400');
    expect((await draft()).steps).toEqual([MEANS]);
  });

  it('fails when nothing binds', async () => {
    const bad = answer([sql('a', 'SELECT weight FROM penguins')]);
    answers = [bad, bad];
    await expect(draft()).rejects.toMatchObject({
      code: 'LLM_CALL_FAILED',
      facts: { error_type: 'no_step_binds' },
    });
  });

  it('shows the model once what a plan would refuse', async () => {
    answers = [
      answer([{ ...CHART, params: { step: 'nowhere', spec: { data: { url: 'http://x' } } } }]),
      answer([MEANS]),
    ];
    expect((await draft()).steps).toEqual([MEANS]);
    expect(told[1]!.operation).toBe('draft.repair');
    expect(told[1]!.messages.at(-1)!.content).toMatch(/\/steps\/0\/params\/spec\/data\/url is refused/);
  });

  it.each([
    [
      'a step of a type that it may not use',
      answer([{ step_id: 'x', type: 'command', params: { profile: 'sh', args: [] } }]),
    ],
    ['SQL that is no SELECT', answer([sql('x', 'DROP TABLE penguins')])],
    ['SQL that reads files', answer([sql('x', "SELECT * FROM read_csv('/etc/passwd')")])],
    ['the name of a dataset as a step', answer([sql('penguins', 'SELECT 1')])],
    ['no steps', answer([])],
  ])('lets nothing pass that has %s', async (_what, text) => {
    answers = [text, text];
    await expect(draft()).rejects.toMatchObject({ code: 'LLM_CALL_FAILED' });
  });

  it('may use the programs that the operator allows for drafting', async () => {
    const step = { step_id: 'x', type: 'command', params: { profile: 'stata', args: ['a'] } };
    answers = [answer([step])];
    expect((await draft({}, ['stata'])).steps).toEqual([step]);
    answers = [answer([{ ...step, params: { profile: 'sh', args: [] } }]), answer([step])];
    expect((await draft({ taskId: 'task-2' }, ['stata'])).steps).toEqual([step]);
  });
});

describe('when the model cannot be used', () => {
  it('the rules draft where the tenant allows it, and the reason is shown', async () => {
    server.misbehave('error_400');
    const proposal = await draft({ ruleFallback: true });
    expect(proposal.source).toBe('rule_fallback');
    expect(proposal.text).toMatch(
      /^The built-in rules wrote this draft, because .* after 1 attempt \(the last: http_400\)/,
    );
    expect(proposal.warnings[0]).toMatchObject({ type: 'rule_fallback', severity: 'warning' });
    expect(proposal.steps.length).toBeGreaterThan(0);
  });

  it('they do so for a budget that is used up', async () => {
    const proposal = await draft({
      ruleFallback: true,
      budget: { calls: 0, tokens: null, costMicros: null },
    });
    expect(proposal.source).toBe('rule_fallback');
    expect(proposal.warnings[0]!.message).toMatch(/budget of calls .* resets at/);
    expect(server.log).toEqual([]);
  });

  it('it is a refusal where the tenant does not', async () => {
    server.misbehave('error_400');
    await expect(draft()).rejects.toMatchObject({ code: 'LLM_CALL_FAILED' });
  });
});

describe('a drafter that crashed', () => {
  it('finds the answers again and pays for none twice', async () => {
    answers = [answer([sql('means', 'SELECT avg(weight) FROM penguins')]), answer([MEANS])];
    const first = await draft();
    expect(await draft()).toEqual(first);
    expect(server.log).toHaveLength(2);
  });
});
