import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ModelDrafter } from '#drafting';
import { Execution } from '#execution';
import { draftByRules, FakeModelServer, seededBehaviour, type ServedCall } from '#fake-llm';
import { CallLedger, ModelCalls, OpenAiCompatible } from '#llm';
import {
  aDataset,
  aJob,
  aTenant,
  FastClock,
  HeardLog,
  JobPrograms,
  type TestDatabase,
  testDatabase,
} from '#testing';

/** A thousand take over a minute: DRAFTS=1000 SEED=7 npm test -- integration -- libs/jobs/src/seeded-drafts */
const DRAFTS = Number(process.env['DRAFTS'] ?? '250');
const SEED = Number(process.env['SEED'] ?? '20261123');
const TENANTS = 5;
const SLOTS = 48;
const LIMIT_MS = 60_000 + 300 * DRAFTS;
/** Every so many drafts have their SQL bound by DuckDB, in a process each; for all it would take a quarter of an hour. */
const CHECKED_EVERY = 50;

interface CallRow {
  call_id: string;
  subject_id: string;
  outcome: string;
  error_type: string | null;
  http_status: number | null;
  tokens_in: number | null;
  tokens_out: number | null;
  answer: string | null;
}

interface JobRow {
  job_id: string;
  status: string;
  source: string | null;
  task: { state: string; error?: { code: string; attempts?: number } } | null;
}

const PROFILE = {
  rowCount: 344,
  columns: [
    { name: 'species', type: 'VARCHAR', nulls: 0, distinct: 3, min: 'Adelie', max: 'Gentoo' },
    { name: 'body_mass_g', type: 'BIGINT', nulls: 2, distinct: 94, min: '2700', max: '6300' },
  ],
  sampleRows: [],
};

/** What the ledger may say of a request that met this, beside `late`-ness of the machine: see `timeout` below. */
const EXPECTED: Readonly<Record<ServedCall['behaviour'], readonly string[]>> = {
  answer: ['answered'],
  hang: [],
  slow: [],
  late: [],
  reset: ['connection_error'],
  half: ['connection_error'],
  retry_after_1: ['provider_error'],
  retry_after_86400: ['provider_error'],
  retry_after_date: ['provider_error'],
  error_400: ['provider_error'],
  error_500: ['provider_error'],
  error_529: ['provider_error'],
  broken_body: ['provider_error'],
  broken_answer: ['invalid'],
  other_shape: ['invalid'],
  ten_megabytes: ['provider_error'],
};

let db: TestDatabase;
let programs: JobPrograms;
let server: FakeModelServer;
let calls: ModelCalls;
const log = new HeardLog();
const never = new AbortController().signal;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  server = await FakeModelServer.start({
    answer: draftByRules,
    behaviour: (n) => seededBehaviour(SEED, n),
    lateMs: 900,
    slowMs: 3_000,
  });
});
afterAll(async () => {
  await calls.stop();
  await server.stop();
  await programs.stop();
  await db.drop();
});

async function makeJobs(): Promise<void> {
  for (let t = 0; t < TENANTS; t++) {
    const tenantId = await aTenant(db);
    // Some tenants may fall to the rules, others see the failure.
    await db.put('tenant_drafting', {
      tenant_id: tenantId,
      rule_fallback: t % 2 === 0,
      keep_prompts: t === 0,
    });
    for (let n = 0; n < DRAFTS / TENANTS; n++) {
      const task = { task_id: `task-${String(n)}`, state: 'pending' } as const;
      const job = await aJob(db, tenantId, {
        requirement: 'Compare body_mass_g by species',
        draft_task: task,
      });
      await aDataset(db, job, { profile: PROFILE });
      await programs.worker.transaction({ ...programs.workerScope, tenantId }, (tx) =>
        programs.workerQueue.wake(tx, 'job.draft', { tenantId, jobId: job.job_id }),
      );
    }
  }
}

/** Slots that take messages until there are none; those that wait for a day get theirs at once. */
async function draftAll(): Promise<void> {
  const execution = new Execution();
  let checked = 0;
  calls = new ModelCalls({
    ledger: new CallLedger(programs.worker, programs.workerScope),
    models: [
      new OpenAiCompatible({
        ...{ provider: 'main', baseUrl: server.url, apiKey: null, model: 'm', temperature: null },
        ...{ answerFormat: 'json_schema', tokenLimitField: 'max_tokens', maxAnswerBytes: 500_000 },
      }),
    ],
    // 30 seconds are 0.75 here.
    clock: new FastClock(40),
    // The total is generous, because what the machine and the database take counts forty times as well.
    policy: { totalMs: 900_000, breakerFailures: 20, breakerOpenMs: 200, lateMs: 60_000, maxLate: 64 },
    logger: log.logger,
  });
  const drafter = new ModelDrafter({
    calls,
    checkSql: async (asked, signal) => {
      checked += 1;
      if (checked % CHECKED_EVERY !== 0) return asked.queries.map(({ stepId }) => ({ stepId, fault: null }));
      return execution.checkSql(asked, { timeoutMs: 30_000, signal });
    },
    commandProfiles: [],
    maxTokens: 500,
  });
  const drafting = programs.drafting(drafter);
  const slot = async (): Promise<void> => {
    for (;;) {
      const message = await programs.workerQueue.hold('job.draft');
      if (!message) return;
      await drafting.carryOut(message, never);
    }
  };
  const waiting = async (): Promise<boolean> =>
    (await db.sql("UPDATE pgboss.job SET start_after = now() WHERE state = 'created' RETURNING id")).length >
    0;
  do await Promise.all(Array.from({ length: SLOTS }, slot));
  while (await waiting());
  await calls.settled();
}

describe(`${String(DRAFTS)} drafts under random misbehaviour (seed ${String(SEED)})`, () => {
  it(
    'end as drafts or with a code, and the ledger is the server’s own log, call by call',
    async () => {
      await makeJobs();
      await draftAll();
      const rows = await db.sql<CallRow>('SELECT * FROM llm_call');
      const jobs = await db.sql<JobRow>(
        `SELECT j.job_id, j.status, j.draft_task AS task, d.source FROM job AS j
         LEFT JOIN draft AS d ON d.tenant_id = j.tenant_id AND d.job_id = j.job_id`,
      );

      // Every job has ended one way or the other, and nobody waits.
      expect(jobs).toHaveLength(DRAFTS);
      for (const { status, source, task } of jobs) {
        if (status === 'draft_ready') expect(['model', 'rule_fallback']).toContain(source);
        else expect(task).toMatchObject({ state: 'failed', error: { code: 'LLM_CALL_FAILED' } });
      }
      expect(await db.sql("SELECT FROM pgboss.job WHERE state < 'completed'")).toEqual([]);

      // The same calls on both sides, each once, and of each the same story.
      const ledger = new Map(rows.map((row) => [row.call_id, row]));
      expect(ledger.size).toBe(rows.length);
      expect([...ledger.keys()].sort()).toEqual(server.log.map((call) => call.call_id).sort());
      for (const call of server.log) expectSameStory(call, ledger.get(call.call_id)!);
      expect(rows.filter(({ answer }) => answer !== null)).toEqual([]);

      // The budget of each day holds no more and no less than its calls.
      const days = await db.sql(
        `SELECT d.tenant_id FROM llm_budget_day AS d
         JOIN (SELECT tenant_id, day, count(*) AS calls, sum(charged_tokens) AS tokens FROM llm_call GROUP BY 1, 2) AS c
           ON c.tenant_id = d.tenant_id AND c.day = d.day AND c.calls = d.calls AND c.tokens = d.tokens`,
      );
      expect(days.length).toBe((await db.sql('SELECT FROM llm_budget_day')).length);

      // The events tell of every attempt, and no slot, socket or late answer is left.
      expect(log.lines('SS_LLM_CALL_START')).toHaveLength(rows.length);
      expect(calls.lateAnswers).toBe(0);
      tellFigures(rows, jobs);
    },
    LIMIT_MS,
  );
});

/** What the server did to the request and what the ledger says of it. */
function expectSameStory(call: ServedCall, row: CallRow): void {
  // A machine that is slow can make a timeout of anything; what the server sent late is then on the books as late.
  const slow = row.outcome === 'timeout' || row.outcome === 'late';
  if (!slow) {
    expect({ met: call.behaviour, outcome: row.outcome }).toEqual({
      met: call.behaviour,
      outcome: EXPECTED[call.behaviour].find((outcome) => outcome === row.outcome) ?? 'one that fits',
    });
  }
  if (['answered', 'invalid', 'late'].includes(row.outcome)) {
    expect([row.tokens_in, row.tokens_out]).toEqual([call.tokens_in, call.tokens_out]);
    expect(call.end).toBe('sent');
  } else {
    expect([row.tokens_in, row.tokens_out]).toEqual([null, null]);
  }
  if (row.http_status !== null) expect(row.http_status).toBe(call.status);
}

function tellFigures(rows: readonly CallRow[], jobs: readonly JobRow[]): void {
  const count = (names: readonly string[]): string =>
    [...new Set(names)]
      .sort()
      .map((name) => `${name} ${String(names.filter((one) => one === name).length)}`)
      .join(', ');
  process.stdout.write(
    `${String(rows.length)} calls: ${count(rows.map(({ outcome }) => outcome))}\n` +
      `${String(jobs.length)} drafts: ${count(jobs.map(({ source }) => source ?? 'failed'))}\n`,
  );
}
