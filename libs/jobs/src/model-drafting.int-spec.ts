import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ModelDrafter } from '#drafting';
import { Execution } from '#execution';
import { draftByRules, FakeModelServer } from '#fake-llm';
import { CallLedger, type CallPolicy, ModelCalls, OpenAiCompatible } from '#llm';
import type { HeldMessage } from '#queue';
import {
  aDataset,
  aJob,
  aTenant,
  auditOf,
  eventually,
  FastClock,
  HeardLog,
  JobPrograms,
  messagesOf,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import type { Job } from './job.js';
import type { JobDrafting } from './job-drafting.js';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;
let server: FakeModelServer;
let calls: ModelCalls;
const execution = new Execution();
const log = new HeardLog();
const never = new AbortController().signal;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  await db.sql('DELETE FROM pgboss.job');
  server = await FakeModelServer.start({ answer: draftByRules });
});
afterEach(async () => {
  await calls.stop();
  await server.stop();
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

const mine = () => programs.client(tenantId);
const get = (job: Job): Promise<Job> => programs.lifecycle.get(mine(), job.job_id);
const PENDING = { task_id: 'task-1', state: 'pending' } as const;
const SECRET = 'password: planted-secret';

const PROFILE = {
  rowCount: 344,
  columns: [
    { name: 'species', type: 'VARCHAR', nulls: 0, distinct: 3, min: 'Adelie', max: 'Gentoo' },
    { name: 'body_mass_g', type: 'BIGINT', nulls: 2, distinct: 94, min: '2700', max: '6300' },
  ],
  sampleRows: [{ species: 'planted-row', body_mass_g: 3750 }],
};

async function asked(given: Partial<Job> = {}): Promise<{ job: Job; message: HeldMessage }> {
  const job = await aJob(db, tenantId, {
    requirement: `Compare body_mass_g by species. ${SECRET}`,
    draft_task: PENDING,
    ...given,
  });
  await aDataset(db, job, { profile: PROFILE });
  await programs.worker.transaction({ ...programs.workerScope, tenantId }, (tx) =>
    programs.workerQueue.wake(tx, 'job.draft', { tenantId, jobId: job.job_id }),
  );
  return { job, message: (await programs.workerQueue.hold('job.draft'))! };
}

/** A worker's side of drafting, as a fresh process would have it. */
function drafting(policy: Partial<CallPolicy> = {}): JobDrafting {
  calls = new ModelCalls({
    ledger: new CallLedger(programs.worker, programs.workerScope),
    models: [
      new OpenAiCompatible({
        ...{ provider: 'main', baseUrl: server.url, apiKey: null, model: 'm', temperature: null },
        ...{ answerFormat: 'json_schema', tokenLimitField: 'max_tokens', maxAnswerBytes: 100_000 },
      }),
    ],
    clock: new FastClock(20),
    policy: { totalMs: 3_600_000, ...policy },
    logger: log.logger,
  });
  const drafter = new ModelDrafter({
    calls,
    checkSql: (query, signal) => execution.checkSql(query, { timeoutMs: 20_000, signal }),
    commandProfiles: [],
    maxTokens: 500,
  });
  return programs.drafting(drafter, 20);
}

const ledger = () => db.sql('SELECT * FROM llm_call WHERE tenant_id = $1 ORDER BY started_at', [tenantId]);
const allow = (given: object): Promise<unknown> =>
  db.put('tenant_drafting', { tenant_id: tenantId, ...given });

async function artifactText(job: Job, relPath: string): Promise<string> {
  const artifact = await programs.reads.findArtifact(mine(), job.job_id, relPath);
  const ref = { tenantId, jobId: job.job_id, storageName: artifact!.storage_name };
  return readText(await programs.store.open(ref));
}

describe('a draft by a language model', () => {
  it('moves the job, and keeps prompt, answer and what they cost, without secrets and rows', async () => {
    const { job, message } = await asked();
    expect(await drafting().carryOut(message, never)).toBe('drafted');
    const { job: now, draft } = await programs.lifecycle.getDraft(mine(), job.job_id);
    expect(now).toMatchObject({ status: 'draft_ready', draft_task: null, draft_revision: 1 });
    expect(draft).toMatchObject({ source: 'model', revision: 1 });
    expect(draft!.steps.length).toBeGreaterThan(1);
    const artifacts = await programs.reads.listArtifacts(mine(), job.job_id);
    expect(artifacts.map(({ rel_path, kind }) => [rel_path, kind])).toEqual([
      ['llm/task-1/draft.meta.json', 'llm.meta'],
      ['llm/task-1/draft.prompt.json', 'llm.prompt'],
      ['llm/task-1/draft.response.txt', 'llm.response'],
    ]);
    const prompt = await artifactText(job, 'llm/task-1/draft.prompt.json');
    expect(prompt).toContain('body_mass_g');
    expect(prompt).not.toMatch(/planted|Gentoo/);
    expect(JSON.parse(await artifactText(job, 'llm/task-1/draft.meta.json'))).toMatchObject({
      ...{ provider: 'main', model: 'm', attempt: 1, answered: true, valid: true },
      call_id: server.log[0]!.call_id,
    });
    expect(await ledger()).toMatchObject([{ subject_id: job.job_id, outcome: 'answered', answer: null }]);
    expect(await messagesOf(db, job)).toEqual([]);
    expect(log.text).not.toMatch(/planted|heaviest/);
  });

  it('keeps no artifact and shows rows where the tenant says so', async () => {
    await allow({ keep_prompts: false, sample_rows: true });
    const { job, message } = await asked();
    let seen = '';
    await server.stop();
    server = await FakeModelServer.start({
      answer: (chat) => {
        seen = JSON.stringify(chat.messages);
        return draftByRules(chat);
      },
    });
    expect(await drafting().carryOut(message, never)).toBe('drafted');
    expect(seen).toContain('planted-row');
    expect(seen).not.toContain('planted-secret');
    expect(await programs.reads.listArtifacts(mine(), job.job_id)).toEqual([]);
    expect(await ledger()).toMatchObject([{ answer: null }]);
  });

  it('that fails leaves the job as it was, with code and attempts, and can be asked for again', async () => {
    const { job, message } = await asked();
    server.misbehave('error_500', 'reset', 'half');
    expect(await drafting().carryOut(message, never)).toBe('failed');
    expect(await get(job)).toMatchObject({
      status: 'created',
      draft_task: { state: 'failed', error: { code: 'LLM_CALL_FAILED', attempts: 3 } },
    });
    expect((await auditOf(db, job)).at(-1)).toMatchObject({
      action: 'job.draft_failed',
      metadata: { code: 'LLM_CALL_FAILED', attempts: 3 },
    });
    expect((await programs.reads.listArtifacts(mine(), job.job_id)).map(({ kind }) => kind)).toEqual([
      'llm.meta',
      'llm.prompt',
    ]);
    expect(await messagesOf(db, job)).toEqual([]);
    await programs.lifecycle.requestDraft(mine(), job.job_id, null);
    const again = (await programs.workerQueue.hold('job.draft'))!;
    expect(await drafting().carryOut(again, never)).toBe('drafted');
    expect(server.log).toHaveLength(4);
  });

  it('past a budget says when it resets', async () => {
    await allow({ calls_per_day: 0 });
    const { job, message } = await asked();
    expect(await drafting().carryOut(message, never)).toBe('failed');
    expect((await get(job)).draft_task?.error).toMatchObject({
      code: 'LLM_BUDGET_EXCEEDED',
      resets_at: expect.stringMatching(/T00:00:00/),
    });
    expect(server.log).toEqual([]);
  });

  it('that the tenant has no room to keep the exchange of fails, and leaves no file', async () => {
    await db.put('tenant_quota', { tenant_id: tenantId, storage_bytes: 100 });
    const { job, message } = await asked();
    expect(await drafting().carryOut(message, never)).toBe('failed');
    expect(await get(job)).toMatchObject({
      status: 'created',
      draft_task: { state: 'failed', error: { code: 'QUOTA_STORAGE_EXCEEDED' } },
    });
    expect(await programs.reads.listArtifacts(mine(), job.job_id)).toEqual([]);
    const folder = dirname(
      programs.store.pathOf({ tenantId, jobId: job.job_id, storageName: 'llm/task-1/x' }),
    );
    expect(await readdir(folder)).toEqual([]);
    expect(await messagesOf(db, job)).toEqual([]);
  });

  it('falls to the rules where the tenant allows it', async () => {
    await allow({ rule_fallback: true });
    const { job, message } = await asked();
    server.misbehave('error_400');
    expect(await drafting().carryOut(message, never)).toBe('drafted');
    const { draft } = await programs.lifecycle.getDraft(mine(), job.job_id);
    expect(draft).toMatchObject({ source: 'rule_fallback' });
    expect(draft!.warnings[0]!.message).toMatch(/http_400/);
    expect((await programs.lifecycle.confirm(mine(), job.job_id, { version: null })).status).toBe('queued');
  });

  it('goes back to the queue with the time that the provider named, and is made then', async () => {
    const { job, message } = await asked();
    server.misbehave('retry_after_86400');
    expect(await drafting().carryOut(message, never)).toBe('postponed');
    const { draft_task: task, status } = await get(job);
    expect(status).toBe('created');
    expect(task).toMatchObject({ task_id: 'task-1', state: 'pending' });
    expect(Math.abs(Date.parse(task!.not_before!) - Date.now() - 86_400_000)).toBeLessThan(60_000);
    expect(await messagesOf(db, job)).toEqual(['job.draft']);
    expect(await programs.workerQueue.hold('job.draft')).toBeNull();
    expect((await auditOf(db, job)).at(-1)).toMatchObject({ action: 'job.draft_postponed' });

    await db.sql('UPDATE pgboss.job SET start_after = now()');
    const due = (await programs.workerQueue.hold('job.draft'))!;
    expect(await drafting().carryOut(due, never)).toBe('drafted');
    expect(await ledger()).toMatchObject([
      { outcome: 'provider_error' },
      { outcome: 'answered', attempt: 2 },
    ]);
  });

  it('holds no transaction open while the model thinks', async () => {
    const { message } = await asked();
    server.misbehave('hang');
    const shutdown = new AbortController();
    const made = drafting({ timeoutMs: 3_000_000, totalMs: 9_000_000 }).carryOut(message, shutdown.signal);
    await eventually(() => server.log.length === 1);
    // Looking whether the draft is still wanted takes a moment, now and then; nothing may last.
    const begun = await db.sql<{ at: string }>('SELECT clock_timestamp() AS at');
    await eventually(async () => {
      const [open] = await db.sql<{ n: number }>(
        `SELECT count(*) AS n FROM pg_stat_activity
         WHERE datname = current_database() AND usename = 'ss_worker_login' AND xact_start < $1`,
        [begun[0]!.at],
      );
      return open!.n === 0;
    }, 2_000);
    expect(server.log[0]!.end).toBe('open');
    shutdown.abort(new Error('enough'));
    await expect(made).rejects.toThrow('enough');
  });

  it('is dropped while the model thinks when the job is cancelled: the socket closes', async () => {
    const { job, message } = await asked();
    server.misbehave('hang');
    const made = drafting({ timeoutMs: 3_000_000, totalMs: 9_000_000 }).carryOut(message, never);
    await eventually(() => server.log.length === 1);
    await programs.lifecycle.cancel(mine(), job.job_id, null);
    expect(await made).toBe('nothing_to_do');
    await eventually(() => server.log[0]!.end === 'gone');
    expect(await ledger()).toMatchObject([{ outcome: 'aborted' }]);
    expect(await messagesOf(db, job)).toEqual([]);
    expect(await get(job)).toMatchObject({ status: 'cancelled' });
  });

  it('that a shutdown interrupts is given back, and uses up no attempt', async () => {
    const { job, message } = await asked();
    server.misbehave('hang');
    const shutdown = new AbortController();
    const first = drafting({ maxAttempts: 1, timeoutMs: 3_000_000, totalMs: 9_000_000 });
    const made = first.carryOut(message, shutdown.signal);
    await eventually(() => server.log.length === 1);
    shutdown.abort(new Error('shutting down'));
    await expect(made).rejects.toThrow('shutting down');
    await first.handBack(message);
    const again = (await programs.workerQueue.hold('job.draft'))!;
    expect(await drafting({ maxAttempts: 1 }).carryOut(again, never)).toBe('drafted');
    expect(await get(job)).toMatchObject({ status: 'draft_ready' });
  });

  it('whose worker died after the answer came is not paid twice', async () => {
    const { job, message } = await asked();
    // As far as the answer's being stored; the draft is then lost with the process.
    await db.sql('ALTER TABLE draft ADD CONSTRAINT crash CHECK (false) NOT VALID');
    await expect(drafting().carryOut(message, never)).rejects.toThrow(/crash/);
    await db.sql('ALTER TABLE draft DROP CONSTRAINT crash');
    expect(await ledger()).toMatchObject([{ outcome: 'answered', answer: expect.any(String) }]);
    await calls.stop();
    expect(await drafting().carryOut(message, never)).toBe('drafted');
    expect(server.log).toHaveLength(1);
    expect(await ledger()).toMatchObject([{ outcome: 'answered', answer: null }]);
    expect(await get(job)).toMatchObject({ status: 'draft_ready' });
  });
});

describe('confirming a draft', () => {
  it('names the revision, and the audit carries it with a hash of the draft', async () => {
    const { job, message } = await asked({ status: 'draft_ready' });
    await drafting().carryOut(message, never);
    await expect(
      programs.lifecycle.confirm(mine(), job.job_id, { version: null, draftRevision: 1 }),
    ).rejects.toMatchObject({
      code: 'DRAFT_REVISION_CONFLICT',
      facts: { draft_revision: 1, latest_revision: 2 },
    });
    await programs.lifecycle.confirm(mine(), job.job_id, { version: null, draftRevision: 2 });
    const confirmed = (await auditOf(db, job)).find(({ action }) => action === 'job.confirmed');
    expect(confirmed!.metadata).toMatchObject({
      draft_revision: 2,
      draft_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      plan_id: expect.any(String),
    });
  });

  it('leaves earlier revisions to be read, by their tenant', async () => {
    const { job, message } = await asked({ status: 'draft_ready' });
    await drafting().carryOut(message, never);
    const { drafts } = await programs.reads.listDrafts(mine(), job.job_id);
    expect(drafts.map(({ revision, source }) => [revision, source])).toEqual([
      [2, 'model'],
      [1, 'client'],
    ]);
    expect((await programs.reads.getDraft(mine(), job.job_id, 1)).draft.source).toBe('client');
    await expect(programs.reads.getDraft(mine(), job.job_id, 3)).rejects.toMatchObject({
      code: 'DRAFT_NOT_FOUND',
    });
    const other = programs.client(await aTenant(db));
    await expect(programs.reads.getDraft(other, job.job_id, 1)).rejects.toMatchObject({
      code: 'JOB_NOT_FOUND',
    });
  });
});
