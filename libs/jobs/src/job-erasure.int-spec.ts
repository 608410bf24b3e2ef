import { AuditSeal, AuditVerifier, CheckpointFolder, openSigner } from '#audit';
import { newTraceId } from '#observability';
import {
  aJob,
  anArtifact,
  aTenant,
  auditOf,
  JobPrograms,
  messagesOf,
  type TestDatabase,
  testDatabase,
  timePasses,
} from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { findViolations } from './invariants/invariant.js';
import { INVARIANTS } from './invariants/invariants.js';
import type { Job } from './job.js';
import { JOB_STATUSES, hasEnded } from './job-moves.js';
import type { RepeatKey } from '#tenancy';

/** Stands in whatever a client, a person or a program may write of the data. */
const PERSONAL = 'Zebrafink';
const REASON = 'a request under article 17';
const REPEAT: RepeatKey = { route: 'POST /v1/jobs', key: 'k', bodySha256: 'b', ttlHours: 24 };
const error = { code: 'SQL_FAILED', message: `could not cast '${PERSONAL}'`, step_id: 's1' };

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;
let folder: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  tenantId = await aTenant(db);
  folder = await mkdtemp(join(tmpdir(), 'ss-erasure-'));
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
  await rm(folder, { recursive: true });
});

const scope = () => programs.client(tenantId, { reason: REASON });
const erase = (job: Pick<Job, 'job_id'>, version: number | null = null): Promise<Job> =>
  programs.erasure.erase({ ...scope(), reason: REASON }, job.job_id, version);
const TRACE = newTraceId();
const request = (jobId: string) => ({
  jobId,
  traceId: TRACE,
  traceParent: { traceId: TRACE, spanId: 'b7ad6b7169203331', flags: 1, state: `who=${PERSONAL}` },
  requirement: `How heavy is ${PERSONAL}?`,
  labels: { who: PERSONAL },
  plan: {
    plan_version: 2,
    steps: [{ step_id: 's1', type: 'sql', params: { sql: `SELECT '${PERSONAL}'` } }],
  },
});

/** A job that walked the whole way and failed, with something of the person in everything that can hold it. */
async function failedJob(jobId: string, repeat: RepeatKey | null = null): Promise<Job> {
  const ref = { tenantId, jobId };
  const { job } = await programs.lifecycle.create(scope(), request(jobId), repeat);
  const file = {
    name: 'birds.csv',
    role: 'primary_dataset' as const,
    content: Readable.from([Buffer.from(`name,grams\n${PERSONAL},12\n`)]),
  };
  const room = await programs.inputs.open(scope(), jobId, null);
  const dataset = await programs.inputs.receive(ref, file, room);
  await programs.inputs.add(scope(), jobId, [dataset], null);
  const edit = { text: PERSONAL, answers: { which: PERSONAL }, notes: PERSONAL };
  await programs.lifecycle.editDraft(scope(), jobId, job.version + 1, edit);
  await programs.lifecycle.confirm(scope(), jobId, { version: null, notes: PERSONAL });
  for (const retryAfterMs of [60_000, null]) {
    await timePasses(db, { tenant_id: tenantId, job_id: jobId }, 'scheduled_at');
    const [run] = await programs.runs.claim(programs.workerIdentity, 1);
    const storageName = `runs/${run!.runId}/tables/s1.csv`;
    const written = await programs.store.write(
      { ...ref, storageName },
      Readable.from([Buffer.from(PERSONAL)]),
      {
        maxBytes: 100,
      },
    );
    await programs.runs.beginStep(run!, { stepId: 's1', position: 1, type: 'sql' });
    const table = { rel_path: 'tables/s1.csv', kind: 'table.csv', content_type: 'text/csv' };
    const artifact = { ...table, ...written, storage_name: storageName, run_id: run!.runId, step_id: 's1' };
    await programs.runs.endStep(run!, 's1', { outcome: 'failed', error, artifacts: [artifact] });
    await programs.runs.settle(run!, { outcome: 'failed', error, retryAfterMs });
  }
  await aModelCall(jobId, `{"text": "${PERSONAL}"}`);
  return programs.lifecycle.get(scope(), jobId);
}

async function aModelCall(jobId: string, answer: string | null): Promise<string> {
  const call_id = randomUUID();
  const call = { tenant_id: tenantId, call_id, subject_id: jobId, task_id: call_id, operation: 'draft' };
  await db.put('llm_call', {
    ...{ ...call, attempt: 1, provider: 'main', model: 'm', request_sha256: 'a'.repeat(64), answer },
    ...{ deadline_at: new Date().toISOString(), charged_tokens: 1, charged_cost_micros: 1 },
  });
  return call_id;
}

/** Where the word stands: tables by name, and files of the store. */
async function placesOf(word: string): Promise<string[]> {
  const tables = await db.sql<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname IN ('public', 'pgboss') AND tablename NOT LIKE 'audit\\_event\\_%' ORDER BY 1`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await db.sql(`SELECT FROM ${name} AS t WHERE to_jsonb(t)::text LIKE $1 LIMIT 1`, [
      `%${word}%`,
    ]);
    if (rows.length > 0) found.push(name);
  }
  const root = join(programs.store.pathOf({ tenantId, jobId: 'x', storageName: 'x' }), '../../../..');
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path, 'utf8')).includes(word)) found.push(path);
  }
  return found;
}

async function violated(): Promise<string[]> {
  const ids: string[] = [];
  for (const invariant of INVARIANTS) {
    const { total } = await findViolations((text, values) => db.sql(text, [...values]), invariant, {
      quietSeconds: 0,
      sweepSeconds: 0,
    });
    if (total > 0) ids.push(invariant.id);
  }
  return ids;
}

describe('erasing the data of a job', () => {
  let job: Job;
  let erased: Job;

  beforeAll(async () => {
    job = await failedJob('whole', REPEAT);
    const places = await placesOf(PERSONAL);
    expect(places).toEqual(
      expect.arrayContaining(['public.draft', 'public.idempotency_key', 'public.input_dataset']),
    );
    expect(places).toEqual(
      expect.arrayContaining(['public.llm_call', 'public.plan', 'public.run', 'public.run_step']),
    );
    erased = await erase(job);
  });

  it('leaves no word of them in any table, the audit with them, nor in any file', async () => {
    expect(await placesOf(PERSONAL)).toEqual([]);
  });

  it('gives the tenant back what they took of its storage', async () => {
    const stored = await db.sql('SELECT sum(bytes)::int AS bytes FROM tenant_storage WHERE tenant_id = $1', [
      tenantId,
    ]);
    expect(stored).toEqual([{ bytes: 0 }]);
  });

  it('leaves the job with what happened to it, and says since when it is empty', async () => {
    expect(erased).toMatchObject({
      ...{ status: 'failed', version: job.version + 1, requirement: null, labels: {}, plan_id: job.plan_id },
      ...{
        error: { code: 'SQL_FAILED', step_id: 's1' },
        finished_at: job.finished_at,
        attempts: job.attempts,
      },
    });
    expect(erased.erased_at).not.toBeNull();
    expect(await programs.lifecycle.get(scope(), 'whole')).toEqual(erased);
    const runs = await programs.reads.listRuns(scope(), 'whole');
    expect(runs).toMatchObject([
      { outcome: 'failed', error: { code: 'SQL_FAILED' }, steps: [{ outcome: 'failed', summary: null }] },
      { outcome: 'failed', error: { code: 'SQL_FAILED' }, steps: [{ outcome: 'failed', summary: null }] },
    ]);
  });

  it('leaves one audit row with the reason and what went, and breaks no invariant', async () => {
    const rows = (await auditOf(db, job)).filter(({ action }) => action === 'job.data_erased');
    expect(rows).toMatchObject([
      {
        ...{ actor_kind: 'api_key', from_status: 'failed', to_status: 'failed', version: erased.version },
        ...{ reason: REASON, source: 'api', database_user: 'ss_api_login' },
        metadata: {
          ...{
            inputs: 1,
            artifacts: 2,
            drafts: 1,
            plans: 1,
            runs: 2,
            steps: 2,
            model_answers: 1,
            kept_answers: 1,
          },
          ...{ input_bytes: 24, error: { code: 'SQL_FAILED', step_id: 's1' } },
        },
      },
    ]);
    expect(await violated()).toEqual([]);
  });

  it('leaves an audit that verifies, the rows from before with it', async () => {
    const database = db.database('ss_worker');
    const signer = await openSigner(join(folder, 'key.pem'));
    const outside = new CheckpointFolder(join(folder, 'checkpoints'));
    const seal = new AuditSeal(database, programs.workerScope, signer, outside);
    const verify = async () =>
      new AuditVerifier(db.database('ss_operator'), programs.workerScope).verify({
        checkpoints: await outside.read(),
        publicKey: signer.publicKey,
      });
    await seal.seal();
    const another = await failedJob('sealed-before');
    expect((await seal.seal()).rows).toBeGreaterThan(5);
    await erase(another);
    expect((await seal.seal()).rows).toBe(1);
    expect(await verify()).toMatchObject({ ok: true, first_bad: null });
  });

  it('may be repeated, and changes nothing more', async () => {
    const storageName = 'left behind';
    await programs.store.write({ tenantId, jobId: 'whole', storageName }, Readable.from([Buffer.from('x')]), {
      maxBytes: 9,
    });
    expect(await erase(job)).toEqual(erased);
    expect(await programs.store.stat({ tenantId, jobId: 'whole', storageName })).toBeNull();
    expect((await auditOf(db, job)).filter(({ action }) => action === 'job.data_erased')).toHaveLength(1);
  });

  it('refuses whatever needs what is gone', async () => {
    const { lifecycle, inputs, reads } = programs;
    for (const attempt of [
      () => lifecycle.retry(scope(), 'whole', null),
      () => lifecycle.requestDraft(scope(), 'whole', null),
      () => lifecycle.getDraft(scope(), 'whole'),
      () => lifecycle.editDraft(scope(), 'whole', erased.version, { text: 'x' }),
      () => lifecycle.confirm(scope(), 'whole', { version: null }),
      () => lifecycle.enqueue(scope(), 'whole', null),
      () => lifecycle.cancel(scope(), 'whole', null),
      () => inputs.open(scope(), 'whole', null),
      () => inputs.preview(scope(), 'whole'),
      () => reads.plan(scope(), 'whole'),
      () => reads.getDraft(scope(), 'whole', 1),
      () => reads.takeArtifact(scope(), 'whole', 'plan.json'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'JOB_DATA_ERASED' });
    }
    expect(await messagesOf(db, job)).toEqual([]);
  });

  it('does not come back by the repeat of the request that made the job', async () => {
    const { job: again, replayed } = await programs.lifecycle.create(scope(), request('whole'), REPEAT);
    expect(replayed).toBe(true);
    expect(again).toMatchObject({
      job_id: 'whole',
      requirement: null,
      labels: {},
      erased_at: erased.erased_at,
    });
  });

  it('does not come back by an answer of a language model that was under way', async () => {
    const callId = await aModelCall('whole', null);
    await db.sql(`UPDATE llm_call SET answer = $2 WHERE call_id = $1`, [callId, PERSONAL]);
    expect(await db.sql(`SELECT answer FROM llm_call WHERE call_id = $1`, [callId])).toEqual([
      { answer: null },
    ]);
  });

  it('is final, for the owner of the tables as well', async () => {
    for (const set of ['erased_at = NULL', `requirement = 'x'`, `status = 'queued', finished_at = NULL`]) {
      await expect(
        db.sql(`UPDATE job SET version = version + 1, ${set} WHERE tenant_id = $1 AND job_id = 'whole'`, [
          tenantId,
        ]),
      ).rejects.toMatchObject({ code: 'SS001', constraint: 'job_erased_is_final' });
    }
  });
});

describe('an erasure', () => {
  it.each(JOB_STATUSES.filter((status) => !hasEnded(status)))(
    'waits for the end of a job that is %s',
    async (status) => {
      const job = await aJob(db, tenantId, { status });
      await expect(erase(job)).rejects.toMatchObject({ code: 'JOB_NOT_ENDED', facts: { status } });
      expect(await auditOf(db, job)).toEqual([]);
      const { requirement } = await programs.lifecycle.get(scope(), job.job_id);
      expect(requirement).toBe(job.requirement);
    },
  );

  it.each(JOB_STATUSES.filter(hasEnded))('is done on a job that is %s', async (status) => {
    const job = await aJob(db, tenantId, { status });
    expect(await erase(job, job.version)).toMatchObject({
      status,
      requirement: null,
      version: job.version + 1,
    });
  });

  it('names the version that it starts from, if it wants', async () => {
    const job = await aJob(db, tenantId, { status: 'succeeded' });
    await expect(erase(job, job.version - 1)).rejects.toMatchObject({ code: 'JOB_VERSION_CONFLICT' });
    expect(await auditOf(db, job)).toEqual([]);
  });

  it('reaches no other tenant’s job, rows or files', async () => {
    const other = await aTenant(db);
    const theirs = await aJob(db, other, { status: 'succeeded', job_id: 'shared-name' });
    const artifact = await anArtifact(db, theirs);
    const ref = { tenantId: other, jobId: 'shared-name', storageName: artifact.storage_name };
    await programs.store.write(ref, Readable.from([Buffer.from('abc')]), { maxBytes: 9 });
    await expect(erase(theirs)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    await erase(await aJob(db, tenantId, { status: 'succeeded', job_id: 'shared-name' }));
    expect(await programs.store.stat(ref)).toEqual({ bytes: 3 });
    expect(await programs.reads.listArtifacts(programs.client(other), 'shared-name')).toHaveLength(1);
  });

  it('of two at once leaves one audit row', async () => {
    const job = await aJob(db, tenantId, { status: 'succeeded' });
    const [one, other] = await Promise.all([erase(job), erase(job)]);
    expect(one).toEqual(other);
    expect(await auditOf(db, job)).toHaveLength(1);
  });

  it('empties what is left of a legacy file, and keeps which file it was', async () => {
    const sha256 = 'c'.repeat(64);
    const job = await aJob(db, tenantId, { status: 'succeeded' });
    const key = [tenantId, job.job_id];
    await db.sql('SET session_replication_role = replica');
    await db.sql(
      `UPDATE job SET legacy = '{"owner": "${PERSONAL}"}', legacy_sha256 = '${sha256}', legacy_schema_version = 2
       WHERE tenant_id = $1 AND job_id = $2`,
      key,
    );
    await db.sql(
      `UPDATE run SET legacy = '{"log": "${PERSONAL}"}' WHERE tenant_id = $1 AND job_id = $2`,
      key,
    );
    await db.sql('RESET session_replication_role');
    await erase(job);
    const rows = await db.sql(
      `SELECT job.legacy, legacy_sha256, run.legacy AS run_legacy FROM job JOIN run USING (tenant_id, job_id)
       WHERE tenant_id = $1 AND job_id = $2`,
      key,
    );
    expect(rows).toEqual([{ legacy: {}, legacy_sha256: sha256, run_legacy: {} }]);
  });

  it('needs a reason, also by hand', async () => {
    const job = await aJob(db, tenantId, { status: 'succeeded' });
    const session = await db.session('ss_api', tenantId);
    expect(await session.refusal('SELECT * FROM erase_job_data($1, NULL)', [job.job_id])).toMatchObject({
      code: 'SS004',
    });
    await session.end();
  });

  it('is not for workers, and no program may say that a job is erased which is not', async () => {
    const job = await aJob(db, tenantId, { status: 'succeeded' });
    const worker = await db.session('ss_worker', tenantId);
    expect(await worker.refusal('SELECT * FROM erase_job_data($1, NULL)', [job.job_id])).toMatchObject({
      code: '42501',
    });
    const lie = 'UPDATE job SET version = version + 1, erased_at = clock_timestamp() WHERE job_id = $1';
    expect(await worker.refusal(lie, [job.job_id])).toMatchObject({
      code: '23514',
      constraint: 'job_erased_holds_nothing',
    });
    await worker.end();
  });
});
