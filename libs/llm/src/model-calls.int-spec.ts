import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Behaviour, FakeModelServer } from '#fake-llm';
import { metrics } from '#observability';
import { aTenant, eventually, FastClock, HeardLog, type TestDatabase, testDatabase } from '#testing';
import { CallLedger } from './call-ledger.js';
import type { CallPolicy } from './call-policy.js';
import type { Question, Reading } from './conversation.js';
import type { JsonSchema } from './json-schema.js';
import { ModelCalls } from './model-calls.js';
import { OpenAiCompatible } from './openai-compatible.js';
import { parsePrices } from './prices.js';
import type { Talk, ToldExchange } from './talk.js';

const SPEED = 100;
const KEY = 'sk-planted-0123456789abcdef';
const PROMPT = 'the planted prompt';
const SCHEMA: JsonSchema = {
  type: 'object',
  required: ['text'],
  additionalProperties: false,
  properties: { text: { type: 'string' } },
};
const GOOD = '{"text": "the planted answer"}';
const PRICES = parsePrices(
  '{"m": {"input_micros_per_million": 1000000, "output_micros_per_million": 2000000}}',
);

interface CallRow {
  call_id: string;
  operation: string;
  attempt: number;
  outcome: string | null;
  error_type: string | null;
  http_status: number | null;
  tokens_in: number | null;
  tokens_out: number | null;
  cost_micros: number | null;
  provider: string;
  answer: string | null;
}

let db: TestDatabase;
let tenantId: string;
let server: FakeModelServer;
let ledger: CallLedger;
let log: HeardLog;
let clock: FastClock;
const opened: ModelCalls[] = [];
const servers: FakeModelServer[] = [];
const never = new AbortController().signal;

beforeAll(async () => {
  db = await testDatabase();
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  server = await FakeModelServer.start({ answer: () => GOOD, lateMs: 450, slowMs: 60_000 });
  servers.push(server);
  ledger = new CallLedger(db.database('ss_worker'), { actor: { kind: 'worker', id: 'w' }, source: 'test' });
  log = new HeardLog();
  clock = new FastClock(SPEED, () => 0.999_999);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((calls) => calls.stop()));
  await Promise.all(servers.splice(0).map((one) => one.stop()));
});
afterAll(async () => {
  await db.drop();
});

const modelOf = (at: FakeModelServer, provider = 'main'): OpenAiCompatible =>
  new OpenAiCompatible({
    ...{ provider, baseUrl: at.url, apiKey: KEY, model: 'm', temperature: 0, answerFormat: 'json_schema' },
    ...{ tokenLimitField: 'max_tokens', maxAnswerBytes: 1_000_000 },
  });

function calls(policy: Partial<CallPolicy> = {}, models = [modelOf(server)]): ModelCalls {
  const made = new ModelCalls({ ledger, models, policy, prices: PRICES, clock, logger: log.logger });
  opened.push(made);
  return made;
}

const talk = (given: Partial<Talk> = {}): Talk => ({
  ...{ tenantId, subjectId: 'job-1', taskId: 'task-1', labels: { job_id: 'job-1' } },
  budget: { calls: null, tokens: null, costMicros: null },
  ...given,
});

const textOf = (value: unknown): Reading<string> => ({ ok: true, value: (value as { text: string }).text });

const question = (given: Partial<Question<string>> = {}): Question<string> => ({
  request: {
    operation: 'draft',
    messages: [{ role: 'user', content: PROMPT }],
    schema: { name: 'answer', schema: SCHEMA },
    maxTokens: 100,
  },
  read: textOf,
  mayRepair: true,
  ...given,
});

const rows = (): Promise<CallRow[]> =>
  db.sql<CallRow>('SELECT * FROM llm_call WHERE tenant_id = $1 ORDER BY started_at, attempt', [tenantId]);
const outcomes = async (): Promise<unknown[]> => (await rows()).map((row) => row.outcome);

/** The server's log and the ledger tell of the same calls. */
async function expectLedgerIsLog(...logs: FakeModelServer[]): Promise<void> {
  const seen = (logs.length > 0 ? logs : [server]).flatMap((one) => one.log.map((call) => call.call_id));
  expect((await rows()).map((row) => row.call_id).sort()).toEqual(seen.sort());
}

describe('a call that is answered', () => {
  it('is one request, one row with tokens and cost, and two events', async () => {
    const answer = await calls().begin(talk()).ask(question(), never);
    expect(answer).toMatchObject({ value: 'the planted answer', provider: 'main', model: 'm' });
    const [call] = server.log;
    const [row] = await rows();
    expect(await rows()).toHaveLength(1);
    expect(row).toMatchObject({
      call_id: call!.call_id,
      ...{ operation: 'draft', attempt: 1, outcome: 'answered', answer: GOOD },
      ...{ tokens_in: call!.tokens_in, tokens_out: call!.tokens_out },
      cost_micros: call!.tokens_in + 2 * call!.tokens_out,
    });
    expect(log.events).toEqual(['SS_LLM_CALL_START', 'SS_LLM_CALL_DONE']);
    expect(log.lines('SS_LLM_CALL_START')[0]).toMatchObject({
      ...{ job_id: 'job-1', call_id: call!.call_id, operation: 'draft', attempt: 1, timeout_seconds: 30 },
    });
  });

  it('is found again, in another process too, and not asked again', async () => {
    await calls().begin(talk()).ask(question(), never);
    const again = await calls().begin(talk()).ask(question(), never);
    expect(again.value).toBe('the planted answer');
    expect(server.log).toHaveLength(1);
    expect(log.lines('SS_LLM_CALL_DONE').map((line) => line['is_stored'])).toEqual([false, true]);
  });

  it('is another call when another question is asked under the same names, or for another task', async () => {
    await calls().begin(talk()).ask(question(), never);
    const { request } = question();
    const other = { ...request, messages: [{ role: 'user', content: 'another' }] } as const;
    await calls()
      .begin(talk())
      .ask(question({ request: other }), never);
    await calls()
      .begin(talk({ taskId: 'task-2' }))
      .ask(question(), never);
    expect((await rows()).map((row) => [row.attempt, row.outcome])).toEqual([
      [1, 'answered'],
      [2, 'answered'],
      [1, 'answered'],
    ]);
    await expectLedgerIsLog();
  });

  it('is forgotten, but for its hash, once the caller has kept what it made of it', async () => {
    await calls().begin(talk()).ask(question(), never);
    await db
      .database('ss_worker')
      .transaction({ tenantId, actor: { kind: 'worker', id: 'w' }, source: 'test' }, (tx) =>
        ledger.forgetAnswers(tx, tenantId, 'job-1', 'task-1'),
      );
    expect(await rows()).toMatchObject([
      { answer: null, answer_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
  });

  it('sends key, schema and bounds, and logs neither key nor prompt nor answer', async () => {
    server.misbehave('error_500', 'broken_answer');
    await calls().begin(talk()).ask(question(), never);
    expect(log.text).not.toMatch(/planted/);
    expect(log.events).toHaveLength(7);
  });
});

/** What each misbehaviour, met once, leads to: the outcome of its row, its error type, and whether the next may answer. */
const MET_ONCE: readonly (readonly [Behaviour, string, string, boolean])[] = [
  ['hang', 'timeout', 'timeout', true],
  ['slow', 'timeout', 'timeout', true],
  ['reset', 'connection_error', 'connection', true],
  ['half', 'connection_error', 'connection', true],
  ['retry_after_1', 'provider_error', 'http_429', true],
  ['retry_after_date', 'provider_error', 'http_429', true],
  ['error_500', 'provider_error', 'http_500', true],
  ['error_529', 'provider_error', 'http_529', true],
  ['broken_body', 'provider_error', 'answer_unreadable', true],
  ['error_400', 'provider_error', 'http_400', false],
  ['ten_megabytes', 'provider_error', 'answer_too_large', false],
];

describe('a provider that misbehaves once', () => {
  it.each(MET_ONCE)(
    'by %s gets a row %s (%s), another attempt: %s',
    async (behaviour, outcome, type, again) => {
      server.misbehave(behaviour);
      const asked = calls().begin(talk()).ask(question(), never);
      if (again) expect((await asked).value).toBe('the planted answer');
      else await expect(asked).rejects.toMatchObject({ code: 'LLM_CALL_FAILED', attempts: 1 });
      expect(await rows()).toMatchObject([
        { outcome, error_type: type },
        ...(again ? [{ outcome: 'answered', attempt: 2 }] : []),
      ]);
      await expectLedgerIsLog();
      const event = type === 'timeout' ? 'SS_LLM_CALL_TIMEOUT' : 'SS_LLM_CALL_PROVIDER_ERROR';
      expect(log.lines(event)).toMatchObject([
        { job_id: 'job-1', attempt: 1, timeout_seconds: 30, will_retry: again, error_type: type },
      ]);
      expect(log.events.at(-1)).toBe(again ? 'SS_LLM_CALL_DONE' : 'SS_LLM_CALL_FAILED');
    },
  );

  it.each(['broken_answer', 'other_shape'] as const)('by %s is shown its fault once', async (behaviour) => {
    server.misbehave(behaviour);
    const told: ToldExchange[] = [];
    const onExchange = (one: ToldExchange): void => void told.push(one);
    const answer = await calls().begin(talk({ onExchange })).ask(question(), never);
    expect(answer.value).toBe('the planted answer');
    expect(await rows()).toMatchObject([
      { operation: 'draft', outcome: 'invalid' },
      { operation: 'draft.repair', outcome: 'answered' },
    ]);
    expect(told.map((one) => [one.operation, one.isValid])).toEqual([
      ['draft', false],
      ['draft.repair', true],
    ]);
    expect(told[1]!.messages.at(-1)!.content).toMatch(/cannot be used/);
    expect(told[1]!.messages.at(-2)!.role).toBe('assistant');
    await expectLedgerIsLog();
  });

  it('waits as long as Retry-After asks, where that is longer than its own wait', async () => {
    server.misbehave('retry_after_1', 'retry_after_1');
    clock = new FastClock(SPEED, () => 0);
    await calls({ maxAttempts: 3 }).begin(talk()).ask(question(), never);
    expect(clock.sleeps.filter((ms) => ms < 30_000)).toEqual([1_000, 1_000]);
  });
});

describe('a provider that goes on misbehaving', () => {
  it('costs the timeout times the attempts plus the waits, and no more', async () => {
    server.misbehave('hang', 'hang', 'hang');
    const begun = clock.now();
    await expect(calls().begin(talk()).ask(question(), never)).rejects.toMatchObject({
      code: 'LLM_CALL_FAILED',
      facts: { operation: 'draft', attempts: 3, error_type: 'timeout' },
    });
    expect(clock.sleeps.filter((ms) => ms !== 30_000)).toEqual([1_000, 2_000]);
    // 93 s of policy; what is above is the machine, at a hundredth.
    expect(clock.now() - begun).toBeGreaterThanOrEqual(93_000);
    expect(clock.now() - begun).toBeLessThan(300_000);
    expect(await outcomes()).toEqual(['timeout', 'timeout', 'timeout']);
    expect(log.lines('SS_LLM_CALL_TIMEOUT').map((line) => line['will_retry'])).toEqual([true, true, false]);
    expect(log.lines('SS_LLM_CALL_FAILED')).toMatchObject([
      { attempts: 3, error_type: 'timeout', will_retry: false },
    ]);
    await expectLedgerIsLog();
  });

  it('ends with its total time, though attempts are left', async () => {
    server.misbehave('hang', 'hang', 'hang');
    const asking = calls({ totalMs: 45_000 }).begin(talk());
    await expect(asking.ask(question(), never)).rejects.toMatchObject({
      code: 'LLM_CALL_FAILED',
      attempts: 2,
    });
    expect(await outcomes()).toEqual(['timeout', 'timeout']);
  });

  it('fails when the repair is no better', async () => {
    server.misbehave('other_shape', 'broken_answer');
    await expect(calls().begin(talk()).ask(question(), never)).rejects.toMatchObject({
      facts: { attempts: 2, error_type: 'answer_invalid' },
    });
    expect(await outcomes()).toEqual(['invalid', 'invalid']);
  });

  it('gets no new attempts from whoever asks again under the same key, but from another task', async () => {
    server.misbehave('error_500', 'error_500', 'error_500');
    const ask = (taskId: string) => calls().begin(talk({ taskId })).ask(question(), never);
    await expect(ask('task-1')).rejects.toMatchObject({ attempts: 3 });
    await expect(ask('task-1')).rejects.toMatchObject({
      attempts: 3,
      facts: { error_type: 'attempts_used_up' },
    });
    expect(server.log).toHaveLength(3);
    expect((await ask('task-2')).value).toBe('the planted answer');
  });

  it('that names a time beyond the cap sends the caller away until then, at once', async () => {
    server.misbehave('retry_after_86400');
    const refusal: unknown = await calls()
      .begin(talk())
      .ask(question(), never)
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'LLM_CALL_POSTPONED', reason: 'retry_after' });
    const wait = Date.parse((refusal as { notBefore: string }).notBefore) - Date.now();
    expect(Math.abs(wait - 86_400_000)).toBeLessThan(20_000);
    expect(clock.sleeps.filter((ms) => ms < 30_000)).toEqual([]);
    expect(await rows()).toMatchObject([{ outcome: 'provider_error', http_status: 429 }]);
  });
});

describe('an answer after the timeout', () => {
  it('is recorded with its cost, and ignored', async () => {
    server.misbehave('late');
    const asking = calls({ maxAttempts: 1 });
    await expect(asking.begin(talk()).ask(question(), never)).rejects.toMatchObject({ attempts: 1 });
    expect(await outcomes()).toEqual(['timeout']);
    expect(asking.lateAnswers).toBe(1);
    await asking.settled();
    const [row] = await rows();
    expect(row).toMatchObject({ outcome: 'late', answer: null, tokens_out: server.log[0]!.tokens_out });
    expect(row!.cost_micros).toBeGreaterThan(0);
    expect(log.lines('SS_LLM_CALL_LATE')).toHaveLength(1);
    const [day] = await db.sql('SELECT * FROM llm_budget_day WHERE tenant_id = $1', [tenantId]);
    expect(day).toMatchObject({
      calls: 1,
      tokens: row!.tokens_in! + row!.tokens_out!,
      cost_micros: row!.cost_micros,
    });
  });

  it('is waited for only so long, and only so many are', async () => {
    server.misbehave('hang', 'hang', 'hang');
    const asking = calls({ maxLate: 1, lateMs: 10_000 });
    await expect(asking.begin(talk()).ask(question(), never)).rejects.toMatchObject({ attempts: 3 });
    await asking.settled();
    await eventually(() => server.log.every((call) => call.end === 'gone'));
    expect(await outcomes()).toEqual(['timeout', 'timeout', 'timeout']);
  });
});

describe('a caller that wants no answer any more', () => {
  it('hangs up at once, and the row says so', async () => {
    server.misbehave('hang');
    const stop = new AbortController();
    const asking = calls().begin(talk()).ask(question(), stop.signal);
    await eventually(() => server.log.length === 1);
    stop.abort(new Error('cancelled'));
    await expect(asking).rejects.toThrow('cancelled');
    await eventually(() => server.log[0]!.end === 'gone');
    expect(await outcomes()).toEqual(['aborted']);
  });

  it('is heard during a wait', async () => {
    server.misbehave('retry_after_1');
    clock = new FastClock(0.1);
    const stop = new AbortController();
    const asking = calls().begin(talk()).ask(question(), stop.signal);
    await eventually(() => clock.sleeps.includes(1_000));
    stop.abort(new Error('cancelled'));
    await expect(asking).rejects.toThrow('cancelled');
    expect(server.log).toHaveLength(1);
  });

  it('has used up no attempt', async () => {
    server.misbehave('hang');
    const stop = new AbortController();
    const asking = calls({ maxAttempts: 1 }).begin(talk()).ask(question(), stop.signal);
    await eventually(() => server.log.length === 1);
    stop.abort(new Error('deployed'));
    await expect(asking).rejects.toThrow('deployed');
    const again = await calls({ maxAttempts: 1 }).begin(talk()).ask(question(), never);
    expect(again.value).toBe('the planted answer');
    expect(await outcomes()).toEqual(['aborted', 'answered']);
  });

  it('before the call goes out makes none', async () => {
    await expect(
      calls()
        .begin(talk())
        .ask(question(), AbortSignal.abort(new Error('gone'))),
    ).rejects.toThrow('gone');
    expect(await rows()).toEqual([]);
    expect(server.log).toEqual([]);
  });
});

describe('a call whose maker died', () => {
  const died = (deadline: string): Promise<unknown> =>
    db.put('llm_call', {
      ...{ tenant_id: tenantId, call_id: '00000000-0000-4000-8000-000000000001', subject_id: 'job-1' },
      ...{ task_id: 'task-1', operation: 'draft', attempt: 1, provider: 'main', model: 'm' },
      ...{
        request_sha256: 'a'.repeat(64),
        deadline_at: deadline,
        charged_tokens: 10,
        charged_cost_micros: 5,
      },
    });

  it('is closed as unknown by the next attempt, and was none', async () => {
    await died('2026-01-01T00:00:00Z');
    expect((await calls().begin(talk()).ask(question(), never)).value).toBe('the planted answer');
    expect(await rows()).toMatchObject([
      { attempt: 1, outcome: 'unknown' },
      { attempt: 2, outcome: 'answered' },
    ]);
  });

  it('is closed as unknown by the sweep, for every tenant', async () => {
    await died('2026-01-01T00:00:00Z');
    expect(await ledger.closeAbandoned()).toBe(1);
    expect(await ledger.closeAbandoned()).toBe(0);
    expect(await outcomes()).toEqual(['unknown']);
  });

  it('is left alone until its deadline: somebody may be asking just now', async () => {
    await died(new Date(Date.now() + 60_000).toISOString());
    await expect(calls().begin(talk()).ask(question(), never)).rejects.toMatchObject({
      code: 'LLM_CALL_POSTPONED',
      reason: 'in_flight',
    });
    expect(await ledger.closeAbandoned()).toBe(0);
    expect(server.log).toEqual([]);
  });

  it('or two who ask the same at once: one asks', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => calls().begin(talk()).ask(question(), never)),
    );
    expect(server.log).toHaveLength(1);
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(1);
    await expectLedgerIsLog();
  });
});

describe('a budget', () => {
  it('of calls lets exactly so many of racing callers through, and says when it resets', async () => {
    const budget = { calls: 5, tokens: null, costMicros: null };
    const asked = Array.from({ length: 20 }, (_, n) =>
      calls()
        .begin(talk({ taskId: `task-${String(n)}`, budget }))
        .ask(question(), never),
    );
    const results = await Promise.allSettled(asked);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    const refusals = results.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        code: 'LLM_BUDGET_EXCEEDED',
        facts: { budget: 'calls', limit: 5, used: 5 },
      });
      expect((refusal as { resetsAt: string }).resetsAt).toMatch(/T00:00:00\.000000Z$/);
    }
    expect(server.log).toHaveLength(5);
    await expectLedgerIsLog();
  });

  it.each([
    ['tokens', { calls: null, tokens: 50, costMicros: null }],
    ['cost_micros', { calls: null, tokens: null, costMicros: 50 }],
  ])('of %s counts what a call may take before it is made', async (name, budget) => {
    await expect(calls().begin(talk({ budget })).ask(question(), never)).rejects.toMatchObject({
      facts: { budget: name, limit: 50, used: 0 },
    });
    expect(server.log).toEqual([]);
    expect(await db.sql('SELECT FROM llm_budget_day WHERE tenant_id = $1', [tenantId])).toEqual([]);
  });

  it('is charged what was used, nothing for a refusal, and the estimate for a call of unknown cost', async () => {
    server.misbehave('error_500', 'hang');
    await calls().begin(talk()).ask(question(), never);
    const [answered] = (await rows()).filter((row) => row.outcome === 'answered');
    const estimate = Math.ceil(PROMPT.length / 3) + 100;
    const [day] = await db.sql<{ tokens: number }>('SELECT * FROM llm_budget_day WHERE tenant_id = $1', [
      tenantId,
    ]);
    expect(day).toMatchObject({
      calls: 3,
      tokens: estimate + answered!.tokens_in! + answered!.tokens_out!,
    });
  });
});

describe('the breaker of a provider', () => {
  it('opens on repeated failure, sends nothing while it is open, and closes when a trial is answered', async () => {
    server.misbehave('error_500', 'reset', 'error_529');
    const asking = calls({ breakerFailures: 3, breakerOpenMs: 300 });
    await expect(asking.begin(talk()).ask(question(), never)).rejects.toMatchObject({ attempts: 3 });
    expect(asking.breakers()).toEqual([{ provider: 'main', model: 'm', state: 'open' }]);
    const counted = (await metrics.llmBreaker.get()).values.find(({ labels }) => labels.provider === 'main');
    expect(counted?.value).toBe(2);
    const outcomesCounted = (await metrics.llmCalls.get()).values.map(({ labels }) => labels);
    expect(outcomesCounted).toContainEqual({ provider: 'main', outcome: 'provider_error' });
    await expect(asking.begin(talk({ taskId: 'task-2' })).ask(question(), never)).rejects.toMatchObject({
      facts: { attempts: 0, error_type: 'circuit_open' },
    });
    expect(server.log).toHaveLength(3);
    const answer = await eventually(() =>
      asking
        .begin(talk({ taskId: 'task-3' }))
        .ask(question(), never)
        .catch(() => null),
    );
    expect(answer.value).toBe('the planted answer');
    expect(asking.breakers()[0]!.state).toBe('closed');
    expect(log.lines('SS_LLM_BREAKER').map((line) => line['state'])).toEqual(['open', 'half_open', 'closed']);
    await expectLedgerIsLog();
  });

  it('does not open for a client that asks wrongly or too much', async () => {
    server.misbehave('error_400', 'retry_after_1', 'retry_after_1', 'retry_after_1');
    const asking = calls({ breakerFailures: 1 });
    await expect(asking.begin(talk()).ask(question(), never)).rejects.toMatchObject({
      code: 'LLM_CALL_FAILED',
    });
    await expect(asking.begin(talk({ taskId: '2' })).ask(question(), never)).rejects.toMatchObject({
      attempts: 3,
    });
    expect(asking.breakers()[0]!.state).toBe('closed');
  });
});

describe('a second provider', () => {
  it('is asked when the first is given up, refuses, or wants to be left alone', async () => {
    const second = await FakeModelServer.start({ answer: () => GOOD });
    servers.push(second);
    const asking = calls({}, [modelOf(server), modelOf(second, 'second')]);
    server.misbehave('error_500', 'error_500', 'error_500', 'error_400', 'retry_after_86400');
    for (const taskId of ['1', '2', '3']) {
      expect(await asking.begin(talk({ taskId })).ask(question(), never)).toMatchObject({
        provider: 'second',
      });
    }
    expect([server.log.length, second.log.length]).toEqual([5, 3]);
    await expectLedgerIsLog(server, second);
  });
});
