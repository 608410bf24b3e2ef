import { canonicalJson, parsePlan, planId } from '#plans';
import { type Client, Deployment, type Program } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactPage } from '../src/artifacts/artifacts.body.js';
import type { AuditPage } from '../src/audit/audit.body.js';
import type { DraftBody } from '../src/draft/draft.body.js';
import type { InputsBody, PreviewBody } from '../src/inputs/inputs.body.js';
import type { JobBody, JobPage } from '../src/jobs/job.body.js';
import type { PlanBody, RunBody, RunPage } from '../src/runs/runs.body.js';
import { expectCleanLog } from './clean-log.js';
import { massBySpecies, PENGUINS_CSV, rowsOf } from './penguins.js';

const REQUIREMENT = 'Compare body_mass_g between species. CANARY-REQUIREMENT-93b1';
const TRACE_ID = 'a3ce929d0e0e47364bf92f3577b34da6';
const JOB = '/v1/jobs/penguins-2026';

let deployment: Deployment;
let api: Program;
let worker: Program;
let client: Client;

beforeAll(async () => {
  deployment = await Deployment.open();
  [api, worker] = await Promise.all([deployment.api(), deployment.worker()]);
  client = await deployment.client(api, 'palmer');
});
afterAll(async () => {
  await deployment.close();
});

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

describe('the path of one job, from the data to its figures', () => {
  it('creates the job', async () => {
    const { status, headers, body } = await client.post<JobBody>(
      '/v1/jobs',
      { job_id: 'penguins-2026', requirement: REQUIREMENT, labels: { team: 'polar' }, priority: 3 },
      { traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01`, 'x-ss-request-id': 'the-first-request' },
    );
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(JOB);
    expect(headers.get('etag')).toBe('"1"');
    expect(headers.get('x-ss-request-id')).toBe('the-first-request');
    expect(body).toMatchObject({
      tenant_id: 'palmer',
      status: 'created',
      version: 1,
      requirement: REQUIREMENT,
      labels: { team: 'polar' },
      priority: 3,
      trace_id: TRACE_ID,
      draft_status: 'none',
    });
  });

  it('takes the dataset and tells what is in it', async () => {
    const { status, headers, body } = await client.upload<InputsBody>(`${JOB}/inputs`, [
      { role: 'primary_dataset', name: 'penguins.csv', content: PENGUINS_CSV },
    ]);
    expect(status).toBe(201);
    expect(headers.get('etag')).toBe('"2"');
    expect(body.datasets).toMatchObject([
      {
        dataset_key: 'penguins',
        role: 'primary_dataset',
        original_name: 'penguins.csv',
        format: 'csv',
        bytes: Buffer.byteLength(PENGUINS_CSV),
        sha256: sha256(PENGUINS_CSV),
        row_count: 344,
      },
    ]);
    expect(body.fingerprint).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect((await client.get<InputsBody>(`${JOB}/inputs`)).body).toEqual(body);
  });

  it('previews columns, types and rows', async () => {
    const [dataset] = (await client.get<PreviewBody>(`${JOB}/inputs/preview?rows=3`)).body.datasets;
    const types = Object.fromEntries(dataset!.columns.map(({ name, type }) => [name, type]));
    expect(Object.keys(types)).toEqual(Object.keys(rowsOf(PENGUINS_CSV)[0]!));
    expect(types).toMatchObject({ species: 'VARCHAR', bill_length_mm: 'DOUBLE', body_mass_g: 'BIGINT' });
    expect(dataset!.sample_rows).toHaveLength(3);
    expect(dataset!.sample_rows[0]).toMatchObject({ species: 'Adelie', island: 'Torgersen' });
    const measured = rowsOf(PENGUINS_CSV).filter((row) => row['sex'] === '');
    expect(dataset!.columns.find(({ name }) => name === 'sex')!.nulls).toBe(measured.length);
  });

  it('drafts a plan by the rules, for the columns that the question names', async () => {
    const { status, body } = await client.post<DraftBody>(`${JOB}/draft`, {}, { prefer: 'wait=30' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'ready', source: 'rules', revision: 1 });
    expect(body.text).toMatch(/rules/i);
    const sql = JSON.stringify(body.steps);
    expect(sql).toContain('body_mass_g');
    expect(sql).toContain('species');
    const { body: read } = await client.get<DraftBody>(`${JOB}/draft`);
    expect(read).toEqual(body);
  });

  it('edits the draft under the version that was read, and under no other', async () => {
    const { headers, body: draft } = await client.get<DraftBody>(`${JOB}/draft`);
    const steps = [
      ...draft.steps!,
      {
        step_id: 'our_own',
        type: 'sql',
        params: {
          sql: 'SELECT species, avg(body_mass_g) AS mean_mass, count(*) AS birds FROM penguins GROUP BY species ORDER BY species',
        },
      },
    ];
    const edit = { steps, notes: 'one table more', answers: { why: 'because' } };
    expect((await client.patch(`${JOB}/draft`, edit)).status).toBe(428);
    const old = await client.patch<{ code: string }>(`${JOB}/draft`, edit, { 'if-match': '"1"' });
    expect([old.status, old.body.code]).toEqual([412, 'JOB_VERSION_CONFLICT']);
    const edited = await client.patch<DraftBody>(`${JOB}/draft`, edit, { 'if-match': headers.get('etag')! });
    expect(edited.status).toBe(200);
    expect(edited.body).toMatchObject({
      notes: 'one table more',
      answers: { why: 'because' },
      version: draft.version + 1,
    });
    expect(edited.body.steps).toHaveLength(draft.steps!.length + 1);
    expect(edited.headers.get('etag')).toBe(`"${draft.version + 1}"`);
  });

  it('confirms, queues and runs it', async () => {
    const { headers } = await client.get(`${JOB}/draft`);
    const confirmed = await client.post<JobBody>(
      `${JOB}/confirm`,
      { notes: 'looks right' },
      { 'if-match': headers.get('etag')! },
    );
    expect(confirmed.status).toBe(200);
    expect(confirmed.body).toMatchObject({
      status: 'queued',
      plan_id: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const { body } = await client.get<JobBody>(JOB, { prefer: 'wait=60' });
    expect(body).toMatchObject({
      status: 'succeeded',
      error: null,
      attempts: 0,
      plan_id: confirmed.body.plan_id,
    });
    expect(body.finished_at! > body.started_at! && body.started_at! > body.queued_at!).toBe(true);
  });

  it('gives out the plan, whose id anyone can compute again', async () => {
    const { body: plan } = await client.get<PlanBody>(`${JOB}/plan`);
    const { body: job } = await client.get<JobBody>(JOB);
    const document = parsePlan({ plan_version: plan.plan_version, steps: plan.steps });
    expect(plan).toMatchObject({
      plan_id: job.plan_id,
      notes: 'looks right',
      inputs_fingerprint: job.inputs_fingerprint,
    });
    expect(planId(document, plan.inputs_fingerprint)).toBe(plan.plan_id);
    const file = await client.get(`${JOB}/artifacts/plan.json`);
    expect(file.bytes.toString()).toBe(
      canonicalJson({ plan_id: plan.plan_id, inputs_fingerprint: plan.inputs_fingerprint, plan: document }),
    );
  });

  it('tells of the run and each of its steps', async () => {
    const { body: runs } = await client.get<RunPage>(`${JOB}/runs`);
    const { body: plan } = await client.get<PlanBody>(`${JOB}/plan`);
    expect(runs.items).toHaveLength(1);
    const run = runs.items[0]!;
    expect(run).toMatchObject({
      attempt: 1,
      lease_no: 1,
      status: 'succeeded',
      outcome: 'succeeded',
      error: null,
    });
    expect(run.steps).toHaveLength(plan.steps.length);
    expect(run.steps.map(({ position }) => position)).toEqual(plan.steps.map((_, index) => index + 1));
    expect(run.steps.every((step) => step.outcome === 'succeeded' && step.ended_at! >= step.started_at)).toBe(
      true,
    );
    expect((await client.get<RunBody>(`${JOB}/runs/${run.run_id}`)).body).toEqual(run);
  });

  it('keeps artifacts whose bytes are those that their rows tell of', async () => {
    const { body } = await client.get<ArtifactPage>(`${JOB}/artifacts`);
    expect(body.items.map(({ rel_path }) => rel_path)).toEqual(
      expect.arrayContaining(['plan.json', 'tables/our_own.csv']),
    );
    expect(body.items.some(({ kind }) => kind === 'chart.svg')).toBe(true);
    for (const artifact of body.items) {
      const { status, headers, bytes } = await client.get(`${JOB}/artifacts/${artifact.rel_path}`);
      const name = artifact.rel_path.split('/').at(-1)!;
      expect([artifact.rel_path, status, bytes.length, sha256(bytes)]).toEqual([
        artifact.rel_path,
        200,
        artifact.bytes,
        artifact.sha256,
      ]);
      expect(headers.get('content-type')).toBe(artifact.content_type);
      expect(headers.get('content-length')).toBe(String(artifact.bytes));
      expect(headers.get('content-disposition')).toBe(
        `attachment; filename="${name}"; filename*=UTF-8''${name}`,
      );
      expect(headers.get('etag')).toBe(`"${artifact.sha256}"`);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('serves ranges of a file', async () => {
    const path = `${JOB}/artifacts/tables/our_own.csv`;
    const { bytes: whole } = await client.get(path);
    const size = whole.length;
    const part = await client.get(path, { range: 'bytes=2-5' });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 2-5/${size}`);
    expect(part.headers.get('content-length')).toBe('4');
    expect(part.bytes).toEqual(whole.subarray(2, 6));
    expect((await client.get(path, { range: 'bytes=-7' })).bytes).toEqual(whole.subarray(-7));
    expect((await client.get(path, { range: `bytes=${size - 3}-` })).bytes).toEqual(whole.subarray(-3));
    const beyond = await client.get<{ code: string }>(path, { range: `bytes=${size}-` });
    expect([beyond.status, beyond.body.code]).toEqual([416, 'ARTIFACT_RANGE_UNSATISFIABLE']);
    expect(beyond.headers.get('content-range')).toBe(`bytes */${size}`);
    expect((await client.get(path, { range: 'furlongs=1-2' })).status).toBe(200);
  });

  it('comes to the figures that the file itself gives', async () => {
    const { bytes } = await client.get(`${JOB}/artifacts/tables/our_own.csv`);
    const table = rowsOf(bytes.toString());
    const wanted = massBySpecies();
    expect(table.map((row) => row['species'])).toEqual([...wanted.keys()].sort());
    for (const row of table) {
      const { mean, count } = wanted.get(row['species']!)!;
      expect(Number(row['mean_mass'])).toBeCloseTo(mean, 9);
      expect(Number(row['birds'])).toBe(count);
    }
  });

  it('has one audit row for each version, the moves in their order, under one trace', async () => {
    const { body } = await client.get<AuditPage>(`${JOB}/audit`);
    const { body: job } = await client.get<JobBody>(JOB);
    expect(body.items.map(({ version }) => version)).toEqual(
      Array.from({ length: job.version }, (_, index) => index + 1),
    );
    const moves = body.items.filter((row) => row.from_status !== row.to_status).map(({ action }) => action);
    expect(moves).toEqual([
      'job.created',
      'job.drafted',
      'job.confirmed',
      'job.enqueued',
      'job.started',
      'job.succeeded',
    ]);
    expect(new Set(body.items.map(({ trace_id }) => trace_id))).toEqual(new Set([TRACE_ID]));
    expect(body.items[0]).toMatchObject({
      request_id: 'the-first-request',
      actor_kind: 'api_key',
      source: 'api',
    });
    const run = body.items.find(({ action }) => action === 'job.started')!;
    expect(run).toMatchObject({ actor_kind: 'worker', source: 'worker', lease_no: 1 });
    expect(JSON.stringify(body)).not.toContain('CANARY');
    const first = await client.get<AuditPage>(`${JOB}/audit?limit=2`);
    expect(first.body.items).toEqual(body.items.slice(0, 2));
    const rest = await client.get<AuditPage>(`${JOB}/audit?limit=1000&cursor=${first.body.next_cursor!}`);
    expect([...rest.body.items]).toEqual(body.items.slice(2));
  });
});

describe('data in every format', () => {
  const ROWS = [
    { species: 'Adelie', body_mass_g: 3750 },
    { species: 'Gentoo', body_mass_g: 5000 },
    { species: 'Gentoo', body_mass_g: 5200 },
  ];
  const steps = [
    { step_id: 'sum', type: 'sql', params: { sql: 'SELECT sum(body_mass_g)::BIGINT AS total FROM birds' } },
  ];

  const totalOf = async (name: string, content: string | Uint8Array<ArrayBuffer>): Promise<string> => {
    const { body: job } = await client.post<JobBody>('/v1/jobs', { plan: { plan_version: 2, steps } });
    const path = `/v1/jobs/${job.job_id}`;
    const uploaded = await client.upload<InputsBody>(`${path}/inputs`, [
      { role: 'primary_dataset', name, content },
    ]);
    expect([name, uploaded.status]).toEqual([name, 201]);
    expect(uploaded.body.datasets[0]).toMatchObject({ dataset_key: 'birds', row_count: 3 });
    expect((await client.post<JobBody>(`${path}/confirm`)).body).toMatchObject({ status: 'queued' });
    const { body: ended } = await client.get<JobBody>(path, { prefer: 'wait=60' });
    expect(ended.error).toBeNull();
    return (await client.get(`${path}/artifacts/tables/sum.csv`)).bytes.toString();
  };

  it('reads TSV and JSON Lines', async () => {
    const tsv = ['species\tbody_mass_g', ...ROWS.map((row) => `${row.species}\t${row.body_mass_g}`)].join(
      '\n',
    );
    expect(await totalOf('birds.tsv', tsv)).toBe('total\n13950\n');
    expect(await totalOf('birds.jsonl', ROWS.map((row) => JSON.stringify(row)).join('\n'))).toBe(
      'total\n13950\n',
    );
  });

  it('reads the Parquet that an earlier job made', async () => {
    const sql = `SELECT species, body_mass_g FROM (VALUES ${ROWS.map((row) => `('${row.species}', ${row.body_mass_g})`).join(', ')}) AS t (species, body_mass_g)`;
    const plan = { plan_version: 2, steps: [{ step_id: 'make', type: 'sql', params: { sql } }] };
    const { body: job } = await client.post<JobBody>('/v1/jobs', { plan, confirm: true });
    expect(
      (await client.get<JobBody>(`/v1/jobs/${job.job_id}`, { prefer: 'wait=60' })).body.error,
    ).toBeNull();
    const { bytes } = await client.get(`/v1/jobs/${job.job_id}/artifacts/tables/make.parquet`);
    expect(bytes.subarray(0, 4).toString()).toBe('PAR1');
    expect(await totalOf('birds.parquet', new Uint8Array(bytes))).toBe('total\n13950\n');
  });

  it('reads a workbook', async () => {
    const workbook = await readFile(join(import.meta.dirname, 'birds.xlsx'));
    expect(await totalOf('birds.xlsx', new Uint8Array(workbook))).toBe('total\n13950\n');
  });
});

describe('lists', () => {
  it('lists jobs newest first, a page at a time, by status and by label', async () => {
    const { body: all } = await client.get<JobPage>('/v1/jobs');
    const made = all.items.map(({ created_at }) => created_at);
    expect(made).toEqual([...made].sort().reverse());
    const paged: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: JobPage = (await client.get<JobPage>(`/v1/jobs?limit=2${cursor && `&cursor=${cursor}`}`))
        .body;
      paged.push(...page.items.map(({ job_id }) => job_id));
      cursor = page.next_cursor;
    }
    expect(paged).toEqual(all.items.map(({ job_id }) => job_id));
    const labelled = await client.get<JobPage>('/v1/jobs?label=team%3Dpolar&status=succeeded,failed');
    expect(labelled.body.items.map(({ job_id }) => job_id)).toEqual(['penguins-2026']);
    expect((await client.get<JobPage>('/v1/jobs?status=cancelled')).body.items).toEqual([]);
  });
});

it('logs each request and each run under its ids, and nothing of keys, questions or data', () => {
  expectCleanLog(deployment, [client.key!, REQUIREMENT, 'CANARY', 'Torgersen', 'Adelie']);
  expect(api.find('SS_API_REQUEST', { request_id: 'the-first-request' })).toMatchObject({
    method: 'POST',
    path: '/v1/jobs',
    status: 201,
    tenant_id: 'palmer',
    trace_id: TRACE_ID,
  });
  expect(worker.find('SS_WORKER_RUN_DONE', { job_id: 'penguins-2026' })).toMatchObject({
    tenant_id: 'palmer',
    trace_id: TRACE_ID,
    outcome: 'succeeded',
    run_id: expect.any(String),
  });
});
