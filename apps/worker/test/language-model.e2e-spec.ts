import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { draftByRules, FakeModelServer } from '#fake-llm';
import { type Client, Deployment, eventually, Program, type TestDatabase, testDatabase } from '#testing';
import { readFile } from 'node:fs/promises';

const KEY = 'sk-planted-0123456789abcdef';
const QUESTION = 'Compare body mass between species: the planted question';

interface DraftBody {
  status: string;
  version: number;
  revision?: number;
  source?: string;
  error?: { code: string; attempts?: number; resets_at?: string };
  not_before?: string;
}

interface Usage {
  budgets: { calls: { used: number; limit: number | null } };
  items: {
    provider: string;
    model: string;
    calls: number;
    answered: number;
    tokens_out: number;
    cost_micros: number;
  }[];
}

let db: TestDatabase;
let deployment: Deployment;
let server: FakeModelServer;
let api: Program;
let client: Client;

beforeEach(async () => {
  server = await FakeModelServer.start({ answer: draftByRules });
  db = await testDatabase();
  deployment = await Deployment.on(db, {}, () => db.drop());
  api = await deployment.api();
  client = await deployment.client(api, 'acme');
});
afterEach(async () => {
  await deployment.close();
  await server.stop();
});

const worker = (env: Record<string, string> = {}): Promise<Program> =>
  deployment.worker({
    SS_LLM_PROVIDER: 'openai_compatible',
    SS_LLM_BASE_URL: server.url,
    SS_LLM_API_KEY: KEY,
    SS_LLM_MODEL: 'fake',
    SS_LLM_RETRY_BACKOFF_BASE_SECONDS: '0',
    SS_LLM_PRICES: '{"fake": {"input_micros_per_million": 1000000, "output_micros_per_million": 1000000}}',
    ...env,
  });

async function askForDraft(jobId: string, prefer = 'wait=30'): Promise<DraftBody> {
  await client.post('/v1/jobs', { job_id: jobId, requirement: QUESTION });
  const content = await readFile('examples/penguins.csv');
  await client.upload(`/v1/jobs/${jobId}/inputs`, [
    { role: 'primary_dataset', name: 'penguins.csv', content: new Uint8Array(content) },
  ]);
  return (await client.post<DraftBody>(`/v1/jobs/${jobId}/draft`, {}, { Prefer: prefer })).body;
}

describe('a worker with a language model', () => {
  it('drafts, and the draft is confirmed by its revision, runs, and is on the bill', async () => {
    const program = await worker();
    const draft = await askForDraft('j');
    expect(draft).toMatchObject({ status: 'ready', source: 'model', revision: 1 });
    const again = await client.post<DraftBody>('/v1/jobs/j/draft', {}, { Prefer: 'wait=30' });
    expect(again.body).toMatchObject({ source: 'model', revision: 2 });
    const page = await client.get<{ items: { revision: number; is_latest: boolean }[] }>(
      '/v1/jobs/j/draft/revisions',
    );
    expect(page.body.items).toMatchObject([
      { revision: 2, is_latest: true },
      { revision: 1, is_latest: false },
    ]);
    expect((await client.get('/v1/jobs/j/draft/revisions/1')).body).toMatchObject({
      revision: 1,
      source: 'model',
    });
    expect((await client.get('/v1/jobs/j/draft/revisions/9')).status).toBe(404);
    expect((await client.get('/v1/jobs/j/draft/revisions/x')).status).toBe(400);
    const stale = await client.post<{ code: string }>('/v1/jobs/j/confirm', { draft_revision: 1 });
    expect([stale.status, stale.body.code]).toEqual([409, 'DRAFT_REVISION_CONFLICT']);
    expect((await client.post('/v1/jobs/j/confirm', { draft_revision: 2 })).status).toBe(200);
    const job = await client.get<{ status: string }>('/v1/jobs/j', { Prefer: 'wait=60' });
    expect(job.body.status).toBe('succeeded');

    const { body: usage } = await client.get<Usage>('/v1/usage');
    expect(usage).toMatchObject({
      budgets: { calls: { used: 2, limit: null } },
      items: [{ provider: 'main', model: 'fake', calls: 2, answered: 2 }],
    });
    expect(usage.items[0]!.cost_micros).toBeGreaterThan(0);
    const other = await deployment.client(api, 'other');
    expect((await other.get<Usage>('/v1/usage')).body.items).toEqual([]);

    const ready = await fetch(`${program.url}/health/ready`);
    expect(await ready.json()).toMatchObject({
      details: {
        language_model: { status: 'up', providers: [{ provider: 'main', model: 'fake', state: 'closed' }] },
      },
    });
    expect(deployment.allOutput.join('\n')).not.toMatch(/planted|Adelie/);
  });

  it('says why a draft failed, and what waits until when', async () => {
    await worker();
    server.misbehave('error_500', 'error_500', 'error_500', 'retry_after_86400');
    const failed = await askForDraft('f');
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'LLM_CALL_FAILED', attempts: 3 } });
    expect((await client.get('/v1/jobs/f')).body).toMatchObject({ status: 'created' });
    await askForDraft('w', 'wait=0');
    const waiting = await eventually(async () => {
      const { body } = await client.get<DraftBody>('/v1/jobs/w/draft');
      return body.not_before === undefined ? null : body;
    }, 20_000);
    expect(waiting.status).toBe('pending');
    expect(Date.parse(waiting.not_before!)).toBeGreaterThan(Date.now() + 80_000_000);
  });

  it('killed in the middle of a call leaves no call off the books, and another worker makes the draft', async () => {
    const first = await worker();
    server.misbehave('hang');
    await askForDraft('k', 'wait=0');
    await eventually(() => server.log.length === 1, 20_000);
    await first.stop('SIGKILL');
    const [open] = await db.sql('SELECT call_id, outcome FROM llm_call');
    expect(open).toEqual({ call_id: server.log[0]!.call_id, outcome: null });

    // What time would do: the deadline of the call passes, and the message that was held expires.
    await db.sql("UPDATE llm_call SET deadline_at = clock_timestamp() - interval '1 second'");
    await db.sql("UPDATE pgboss.job SET state = 'created', started_on = NULL WHERE state = 'active'");
    await worker();
    const draft = await client.get<DraftBody>('/v1/jobs/k/draft', { Prefer: 'wait=30' });
    expect(draft.body).toMatchObject({ status: 'ready', source: 'model' });
    const rows = await db.sql('SELECT call_id, outcome FROM llm_call ORDER BY started_at');
    expect(rows).toEqual([
      { call_id: server.log[0]!.call_id, outcome: 'unknown' },
      { call_id: server.log[1]!.call_id, outcome: 'answered' },
    ]);
    expect(server.log).toHaveLength(2);
  });

  it('ends a call when it is asked to stop, and the next worker makes the draft at once', async () => {
    const first = await worker({ SS_WORKER_SHUTDOWN_GRACE_SECONDS: '0', SS_LLM_MAX_ATTEMPTS: '1' });
    server.misbehave('hang');
    await askForDraft('s', 'wait=0');
    await eventually(() => server.log.length === 1, 20_000);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    await eventually(() => server.log[0]!.end === 'gone');
    expect(first.find('SS_DRAFT_INTERRUPTED')).toBeDefined();
    await worker({ SS_LLM_MAX_ATTEMPTS: '1' });
    const draft = await client.get<DraftBody>('/v1/jobs/s/draft', { Prefer: 'wait=30' });
    expect(draft.body).toMatchObject({ status: 'ready', source: 'model' });
    expect(await db.sql('SELECT outcome FROM llm_call ORDER BY started_at')).toEqual([
      { outcome: 'aborted' },
      { outcome: 'answered' },
    ]);
    expect(first.log.filter((line) => line['level'] === 'error')).toEqual([]);
  });
});

describe('a worker whose language model is not configured whole', () => {
  it('does not start, says what is missing, and tells no key', async () => {
    const place = deployment.place('worker', {
      SS_LLM_PROVIDER: 'openai_compatible',
      SS_LLM_API_KEY: KEY,
      SS_LLM_TIMEOUT_SECONDS: '0',
    });
    const program = Program.launch('worker', place);
    expect((await program.ended).code).toBe(1);
    const text = [...program.output, ...program.errors].join('\n');
    expect(text).toMatch(/SS_LLM_BASE_URL.*\n.*SS_LLM_MODEL/s);
    expect(text).not.toMatch(/planted/);
  });
});
