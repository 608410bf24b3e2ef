import { Client, Deployment, type Program } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobBody } from '../src/jobs/job.body.js';
import type { LegacyArtifactList } from '../src/legacy-routes/legacy-artifacts.controller.js';
import type { LegacyDraftBody, LegacyPendingBody } from '../src/legacy-routes/legacy-draft.body.js';
import type { LegacyPreviewBody, LegacyUploadedBody } from '../src/legacy-routes/legacy-inputs.body.js';
import type {
  LegacyConfirmedBody,
  LegacyCreatedBody,
  LegacyJobBody,
  LegacyMovedBody,
} from '../src/legacy-routes/legacy-job.body.js';
import type { LegacyPlanBody } from '../src/legacy-routes/legacy-plan.controller.js';
import type { LegacyRefusal } from '../src/legacy-routes/legacy-refusal.js';
import type { VersionList } from '../src/versions/versions.body.js';
import { PENGUINS_CSV } from './penguins.js';
import { noop, planOf, sql } from './plans.js';

const REQUIREMENT = 'What is the mean body_mass_g by species?';

interface OpenApi {
  paths: Record<string, Record<string, { deprecated?: boolean }>>;
}

let deployment: Deployment;
let api: Program;
let client: Client;

beforeAll(async () => {
  deployment = await Deployment.open();
  [api] = await Promise.all([deployment.api(), deployment.worker()]);
  client = await deployment.client(api, 'old-clients');
});
afterAll(async () => {
  await deployment.close();
});

const fresh = async (body: object = {}): Promise<string> =>
  (await client.post<JobBody>('/v1/jobs', { plan: planOf(noop('a')), ...body })).body.job_id;
const settled = async (jobId: string): Promise<JobBody> =>
  (await client.get<JobBody>(`/v1/jobs/${jobId}`, { prefer: 'wait=60' })).body;
const refusalOf = ({ status, body }: { status: number; body: LegacyRefusal }): [number, string] => [
  status,
  body.error_code,
];

/** As the legacy front end sent it: the files first, what they are after. */
const form = (...files: [name: string, role: string][]): FormData => {
  const parts = new FormData();
  for (const [name] of files) parts.append('file', new Blob([PENGUINS_CSV]), name);
  for (const [, role] of files) parts.append('role', role);
  return parts;
};

describe('a client of the legacy service', () => {
  let jobId: string;
  let job: string;

  it('makes a job of a question, and the same job of the same question', async () => {
    const { status, body } = await client.post<LegacyCreatedBody>('/jobs', {
      requirement: REQUIREMENT,
      colour: 1,
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      job_id: expect.stringMatching(/^job_[0-9a-f]{16}$/),
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      status: 'created',
    });
    ({ job_id: jobId } = body);
    job = `/jobs/${jobId}`;
    const again = await client.post<LegacyCreatedBody>('/jobs', { requirement: ` ${REQUIREMENT}\n` });
    expect([again.status, again.body]).toEqual([200, body]);
  });

  it('is told to upload before there is a draft, and uploads with roles that come last', async () => {
    const early = await client.get<LegacyPendingBody>(`${job}/draft/preview`);
    expect([early.status, early.body]).toEqual([
      202,
      {
        ...{ job_id: jobId, status: 'pending', message: 'pending_inputs_upload', retry_after_seconds: 3 },
        retry_until: expect.any(String),
      },
    ]);
    const counted = await client.send<LegacyRefusal>(
      'POST',
      `${job}/inputs/upload`,
      {},
      (() => {
        const parts = form(['a.csv', 'primary_dataset'], ['b.csv', 'secondary_dataset']);
        parts.append('role', 'other');
        return parts;
      })(),
    );
    expect(refusalOf(counted)).toEqual([400, 'INPUT_ROLE_COUNT_MISMATCH']);
    const parts = form(['penguins.csv', 'primary_dataset']);
    const { status, body } = await client.send<LegacyUploadedBody>('POST', `${job}/inputs/upload`, {}, parts);
    expect([status, body]).toEqual([
      200,
      { job_id: jobId, manifest_rel_path: 'inputs/manifest.json', fingerprint: expect.any(String) },
    ]);
    expect((await client.get<JobBody>(`/v1${job}`)).body.inputs_fingerprint).toBe(body.fingerprint);
  });

  it('sees columns and rows', async () => {
    const { body } = await client.get<LegacyPreviewBody>(`${job}/inputs/preview?rows=2&columns=3`);
    expect(body).toMatchObject({ row_count: 344, selected_sheet: null, sheet_names: [] });
    expect(body.columns).toHaveLength(3);
    expect(body.columns[2]).toEqual({ name: 'bill_length_mm', inferred_type: 'number' });
    expect(body.sample_rows).toEqual([
      { species: 'Adelie', island: 'Torgersen', bill_length_mm: expect.anything() },
      expect.anything(),
    ]);
    expect(body.datasets).toEqual([
      {
        ...{ dataset_key: 'penguins', role: 'primary_dataset', original_name: 'penguins.csv', format: 'csv' },
        ...{ sheet_names: [], selected_sheet: null, header_row: null },
      },
    ]);
  });

  it('reads a draft that is made for it, once', async () => {
    const { status, body } = await client.get<LegacyDraftBody>(`${job}/draft/preview`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ job_id: jobId, status: 'ready', decision: 'require_confirm', risk_score: 0 },
      draft_id: expect.stringMatching(/^draft_[0-9a-f]{16}$/),
      draft_text: expect.stringContaining('body_mass_g'),
      column_candidates: expect.arrayContaining(['species', 'body_mass_g']),
      data_sources: [expect.objectContaining({ dataset_key: 'penguins' })],
    });
    expect((await client.get<LegacyDraftBody>(`${job}/draft/preview`)).body).toEqual(body);
    expect((await client.get<JobBody>(`/v1${job}`)).body.draft_revision).toBe(1);
  });

  it('freezes the plan with answers; the same again is the same plan, others come too late', async () => {
    expect(refusalOf(await client.get<LegacyRefusal>(`${job}/plan`))).toEqual([409, 'PLAN_MISSING']);
    const said = { answers: { goal: 'describe' }, notes: 'as it stands' };
    const { status, body } = await client.post<LegacyPlanBody>(`${job}/plan/freeze`, said);
    expect(status).toBe(200);
    expect(body.plan).toMatchObject({
      ...{ plan_version: 2, plan_id: expect.any(String), rel_path: 'plan.json' },
      steps: expect.arrayContaining([expect.objectContaining({ type: 'sql', depends_on: [] })]),
    });
    expect((await client.post(`${job}/plan/freeze`, said)).body).toEqual(body);
    expect((await client.get(`${job}/plan`)).body).toEqual(body);
    expect(
      refusalOf(await client.post<LegacyRefusal>(`${job}/plan/freeze`, { answers: { goal: 'infer' } })),
    ).toEqual([409, 'PLAN_ALREADY_FROZEN_CONFLICT']);
  });

  it('confirms, or not, and a repeat changes nothing', async () => {
    const { body: skipped } = await client.post<LegacyConfirmedBody>(`${job}/confirm`, { confirmed: false });
    expect(skipped).toEqual({ job_id: jobId, status: 'confirmed', scheduled_at: null, message: 'skipped' });
    const confirmation = { confirmed: true, variable_corrections: {}, answers: {}, output_formats: ['csv'] };
    const { status, body } = await client.post<LegacyConfirmedBody>(`${job}/confirm`, confirmation);
    expect([status, body.message]).toEqual([200, 'confirmed']);
    expect((await settled(jobId)).status).toBe('succeeded');
    const { version } = await settled(jobId);
    const again = await client.post<LegacyMovedBody>(`${job}/run?output_formats=csv`);
    expect([again.status, again.body.status]).toEqual([200, 'succeeded']);
    expect((await settled(jobId)).version).toBe(version);
  });

  it('reads the job and takes its files', async () => {
    const { body } = await client.get<LegacyJobBody>(job);
    expect(body).toMatchObject({
      ...{ job_id: jobId, status: 'succeeded', selected_template_id: null },
      draft: { text_chars: expect.any(Number) },
      latest_run: { attempt: 1, status: 'succeeded' },
    });
    const { artifacts } = (await client.get<LegacyArtifactList>(`${job}/artifacts`)).body;
    expect(body.artifacts.total).toBe(artifacts.length);
    const table = artifacts.find(({ kind }) => kind === 'table.csv')!;
    const file = await client.get(`${job}/artifacts/${table.rel_path}`);
    expect(file.headers.get('content-type')).toBe('application/octet-stream');
    expect(file.headers.get('content-disposition')).toMatch(/^attachment; filename="/);
    expect(file.bytes).toEqual((await client.get(`/v1${job}/artifacts/${table.rel_path}`)).bytes);
  });

  it('runs a job that failed once more', async () => {
    const failed = await fresh({ plan: planOf(sql('broken', 'SELECT nothing_of_the_kind')), confirm: true });
    expect((await settled(failed)).status).toBe('failed');
    const { body } = await client.post<LegacyMovedBody>(`/jobs/${failed}/run`);
    expect(body.status).toBe('queued');
  });

  it('of many runs at once, none is refused and one queues the job', async () => {
    const raced = await fresh();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => client.post<LegacyMovedBody>(`/jobs/${raced}/run`)),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const rows = await deployment.sql('SELECT 1 FROM audit_event WHERE resource_id = $1 AND action = $2', [
      raced,
      'job.enqueued',
    ]);
    expect(rows).toHaveLength(1);
  });
});

describe('every route without a version', () => {
  const json = { 'content-type': 'application/json' };
  const ROUTES: readonly [method: string, route: string, successor: string, body?: string][] = [
    ['POST', '/jobs', '/v1/jobs', '{}'],
    ['GET', '/jobs/{job_id}', '/v1/jobs/{job_id}'],
    ['POST', '/jobs/{job_id}/inputs/upload', '/v1/jobs/{job_id}/inputs'],
    ['GET', '/jobs/{job_id}/inputs/preview', '/v1/jobs/{job_id}/inputs/preview'],
    ['GET', '/jobs/{job_id}/draft/preview', '/v1/jobs/{job_id}/draft'],
    ['POST', '/jobs/{job_id}/confirm', '/v1/jobs/{job_id}/confirm', '{"confirmed":true}'],
    ['POST', '/jobs/{job_id}/plan/freeze', '/v1/jobs/{job_id}/confirm', '{}'],
    ['GET', '/jobs/{job_id}/plan', '/v1/jobs/{job_id}/plan'],
    ['POST', '/jobs/{job_id}/run', '/v1/jobs/{job_id}/run', '{}'],
    ['GET', '/jobs/{job_id}/artifacts', '/v1/jobs/{job_id}/artifacts'],
    ['GET', '/jobs/{job_id}/artifacts/{path}', '/v1/jobs/{job_id}/artifacts/{path}'],
  ];

  it('stands in a document of its own, deprecated, and in no other', async () => {
    const { paths } = (await client.get<OpenApi>('/openapi/unversioned.json')).body;
    const told = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { deprecated }]) => [method.toUpperCase(), path, deprecated]),
    );
    expect(told.sort()).toEqual(ROUTES.map(([method, route]) => [method, route, true]).sort());
    const { body: current } = await client.get<OpenApi>('/openapi/v1.json');
    expect(Object.keys(current.paths).filter((path) => path.startsWith('/jobs'))).toEqual([]);
    expect((await client.get<OpenApi>('/openapi.json')).body).toEqual(current);
  });

  // Scenario: Versioned routes can coexist
  it('says since when it is deprecated, when it ends and where to go', async () => {
    for (const [method, route, successor, body] of ROUTES) {
      const at = (address: string): string =>
        address.replace('{job_id}', 'no%20body').replace('{path}', 'tables/x.csv');
      const { headers } = await client.send(method, at(route), body === undefined ? {} : json, body);
      expect([route, headers.get('deprecation'), headers.get('sunset'), headers.get('link')]).toEqual([
        route,
        '@1795392000',
        'Wed, 30 Jun 2027 00:00:00 GMT',
        `</versions>; rel="deprecation"; type="application/json", <${at(successor)}>; rel="successor-version"`,
      ]);
    }
    const next = await client.get('/v1/jobs');
    expect([next.headers.get('deprecation'), next.headers.get('sunset')]).toEqual([null, null]);
    const nowhere = await client.get('/jobs/x/nothing/there');
    expect([nowhere.status, nowhere.headers.get('deprecation')]).toEqual([404, null]);
  });

  it('asks for a key, and knows no job of another tenant', async () => {
    const theirs = await deployment.client(api, 'somebody-else');
    const secret = (await theirs.post<JobBody>('/v1/jobs', { job_id: 'secret', plan: planOf(noop('a')) }))
      .body;
    for (const [method, route, , body] of ROUTES.slice(1)) {
      const path = route.replace('{job_id}', 'secret').replace('{path}', 'plan.json');
      const headers = body === undefined ? {} : json;
      const sent = method === 'POST' && body === undefined ? form(['a.csv', 'other']) : body;
      const foreign = await client.send<LegacyRefusal>(method, path, headers, sent);
      expect([method, path, ...refusalOf(foreign)]).toEqual([method, path, 404, 'JOB_NOT_FOUND']);
      const stranger = await client.withKey(null).send<LegacyRefusal>(method, path, headers, sent);
      expect([path, ...refusalOf(stranger)]).toEqual([path, 401, 'AUTH_BEARER_TOKEN_MISSING']);
    }
    expect((await theirs.get<JobBody>('/v1/jobs/secret')).body).toEqual(secret);
  });

  it('asks for the scope that its successor asks for, and refuses in the old words', async () => {
    const reader = client.withKey((await deployment.key('old-clients', ['jobs:read'])).key);
    expect(refusalOf(await reader.post<LegacyRefusal>('/jobs', {}))).toEqual([403, 'AUTH_TOKEN_FORBIDDEN']);
    expect(refusalOf(await client.post<LegacyRefusal>('/jobs', { requirement: 7 }))).toEqual([
      400,
      'INPUT_VALIDATION_FAILED',
    ]);
    expect(refusalOf(await client.get<LegacyRefusal>('/jobs'))).toEqual([405, 'API_METHOD_NOT_ALLOWED']);
    expect(refusalOf(await client.send<LegacyRefusal>('POST', '/jobs', json, '{'))[0]).toBe(400);
    const jobId = (await client.post<LegacyCreatedBody>('/jobs', { requirement: 'not drafted' })).body.job_id;
    expect(refusalOf(await client.post<LegacyRefusal>(`/jobs/${jobId}/run`))).toEqual([
      409,
      'JOB_ILLEGAL_TRANSITION',
    ]);
    expect(refusalOf(await client.post<LegacyRefusal>(`/jobs/${jobId}/plan/freeze`))).toEqual([
      409,
      'PLAN_FREEZE_NOT_ALLOWED',
    ]);
    // Another address, however it begins: none of ours.
    expect((await client.get<{ code: string }>('/jobsfoo')).body.code).toBe('API_NOT_FOUND');
  });

  it('stands on the audit as the way by which it came, and is counted by tenant', async () => {
    const jobId = await fresh();
    await client.post(`/jobs/${jobId}/run`);
    const rows = await deployment.sql<{ action: string; source: string }>(
      'SELECT action, source FROM audit_event WHERE resource_id = $1 AND actor_kind = $2 ORDER BY event_id',
      [jobId, 'api_key'],
    );
    expect(rows.filter(({ action }) => action === 'job.created').map(({ source }) => source)).toEqual([
      'api',
    ]);
    expect(rows.filter(({ action }) => action === 'job.confirmed').map(({ source }) => source)).toEqual([
      'api/unversioned',
    ]);
    const text = (await client.withKey(null).get('/metrics')).bytes.toString();
    expect(text).toMatch(
      /ss_deprecated_calls_total\{route="\/jobs\/:job_id\/run",tenant="old-clients"[^}]*\} [1-9]/,
    );
    expect(text).not.toMatch(/ss_deprecated_calls_total\{route="\/v1/);
  });
});

describe('after the sunset', () => {
  const ask = (program: Program, path: string, method = 'GET'): ReturnType<Client['send']> =>
    new Client(program.url, client.key).send(method, path);

  it('the old routes answer 410 with a pointer, to everyone', async () => {
    const later = await deployment.api({ SS_UNVERSIONED_SUNSET: '2026-11-01' });
    const jobId = await fresh();
    for (const [method, path] of [
      ['GET', `/jobs/${jobId}/draft/preview`],
      ['POST', `/jobs/${jobId}/run`],
    ] as const) {
      const { status, headers, bytes } = await ask(later, path, method);
      expect([status, headers.get('sunset')]).toEqual([410, 'Sun, 01 Nov 2026 00:00:00 GMT']);
      const successor = path === `/jobs/${jobId}/run` ? `/v1/jobs/${jobId}/run` : `/v1/jobs/${jobId}/draft`;
      expect(JSON.parse(bytes.toString())).toEqual({
        error_code: 'API_VERSION_GONE',
        message: expect.stringContaining(successor),
      });
      expect(headers.get('link')).toContain(`<${successor}>; rel="successor-version"`);
    }
    expect((await client.get<JobBody>(`/v1/jobs/${jobId}`)).body.status).toBe('draft_ready');
    expect((await ask(later, `/v1/jobs/${jobId}`)).status).toBe(200);
    const { items } = JSON.parse((await ask(later, '/versions')).bytes.toString()) as VersionList;
    expect(items.map(({ name, status, sunset }) => [name, status, sunset])).toEqual([
      ['unversioned', 'gone', '2026-11-01'],
      ['v1', 'current', null],
    ]);
  });

  it('they stay where the operator wants them, and go before it where not', async () => {
    const jobId = await fresh();
    const kept = await deployment.api({ SS_UNVERSIONED_SUNSET: '2026-11-01', SS_UNVERSIONED_ROUTES: 'on' });
    const { status, headers } = await ask(kept, `/jobs/${jobId}`);
    expect([status, headers.get('deprecation'), headers.get('sunset')]).toEqual([200, '@1795392000', null]);
    const without = await deployment.api({ SS_UNVERSIONED_ROUTES: 'off' });
    expect((await ask(without, `/jobs/${jobId}`)).status).toBe(410);
  });
});

it('and nobody logged an error', () => {
  for (const program of deployment.programs)
    expect([program.name, program.errors]).toEqual([program.name, []]);
});
