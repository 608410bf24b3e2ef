import {
  type Answer,
  type Client,
  Deployment,
  eventually,
  type MadeKey,
  type Problem,
  type Program,
} from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ArtifactPage } from '../src/artifacts/artifacts.body.js';
import type { JobBody, JobPage } from '../src/jobs/job.body.js';
import type { KeyList, NewKeyBody } from '../src/keys/key.body.js';
import type { RunPage } from '../src/runs/runs.body.js';
import type { DeliveryBody, NewWebhookBody } from '../src/webhooks/webhook.body.js';
import { expectCleanLog } from './clean-log.js';
import type { TaskBody } from '../src/tasks/task.body.js';
import { noop, planOf, sql } from './plans.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const JOB = '/v1/jobs/{job_id}';
const FEW_ROWS = 'a,b\n1,2\n';
const TUS = {
  'tus-resumable': '1.0.0',
  'upload-length': String(FEW_ROWS.length),
  'upload-metadata': `filename ${btoa('p.csv')},role ${btoa('primary_dataset')}`,
};
const WEBHOOK = '/v1/webhooks/{webhook_id}';

interface OpenApi {
  paths: Record<string, Record<string, unknown>>;
}

let deployment: Deployment;
let api: Program;
let client: Client;
let theirs: Client;
let platform: Client;
let mine: MadeKey;
let operations: string[];
/** Ids of the other tenant, by the name that a route gives them. */
let foreign: Record<string, string>;

beforeAll(async () => {
  deployment = await Deployment.open();
  [api] = await Promise.all([deployment.api(), deployment.worker()]);
  theirs = await deployment.client(api, 'theirs');
  mine = await deployment.key(await deployment.tenant('mine'));
  client = theirs.withKey(mine.key);
  platform = client.withKey((await deployment.key('mine', ['platform:admin'])).key);
  const { paths } = (await client.get<OpenApi>('/openapi.json')).body;
  operations = Object.entries(paths)
    .filter(([path]) => path.startsWith('/v1/'))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`))
    .sort();
  await sameJob(theirs, 'theirs');
  foreign = {
    job_id: 'same',
    run_id: (await theirs.get<RunPage>('/v1/jobs/same/runs')).body.items[0]!.run_id,
    dataset_key: 'p',
    revision: '1',
    path: 'tables/read.csv',
    upload_id: '00000000-0000-4000-8000-000000000000',
    tenant_id: 'theirs',
    task_id: (await theirs.post<TaskBody>('/v1/jobs/cancel', { filter: { text: 'none' }, reason: 'a test' }))
      .body.task_id,
    webhook_id: await newWebhook(theirs),
    delivery_id: randomUUID(),
    key_id: (await theirs.get<KeyList>('/v1/keys')).body.items[0]!.key_id,
  };
});
afterAll(async () => {
  await deployment.close();
});

/** A job named `same`, whose one dataset `p` and one table say whose it is. */
async function sameJob(by: Client, whose: string): Promise<Answer<JobBody>> {
  const body = { job_id: 'same', plan: planOf(sql('read', 'SELECT who FROM p')) };
  const created = await by.post<JobBody>('/v1/jobs', body, { 'idempotency-key': 'the-same-key' });
  await by.upload('/v1/jobs/same/inputs', [
    { role: 'primary_dataset', name: 'p.csv', content: `who\n${whose}\n` },
  ]);
  await by.post('/v1/jobs/same/confirm');
  expect((await by.get<JobBody>('/v1/jobs/same', { prefer: 'wait=60' })).body.status).toBe('succeeded');
  return created;
}

const fresh = async (body: object = {}): Promise<string> =>
  (await client.post<JobBody>('/v1/jobs', { plan: planOf(noop('a')), ...body })).body.job_id;
const upload = (jobId: string): Promise<Answer<JobBody>> =>
  client.upload<JobBody>(`/v1/jobs/${jobId}/inputs`, [
    { role: 'primary_dataset', name: 'p.csv', content: 'a,b\n1,2\n' },
  ]);
const announced = (jobId: string): Promise<Answer<unknown>> =>
  client.send('POST', `/v1/jobs/${jobId}/inputs/uploads`, TUS);
const beginTask = (move: 'cancel' | 'retry'): Promise<Answer<TaskBody>> =>
  client.post<TaskBody>(`/v1/jobs/${move}`, { filter: { label: ['nobody=has this'] }, reason: 'a test' });
const newWebhook = async (by = client): Promise<string> => {
  const { body } = await by.post<NewWebhookBody>('/v1/webhooks', { url: 'https://example.com/x' });
  return body.webhook_id;
};
const newKey = async (): Promise<string> =>
  (await client.post<NewKeyBody>('/v1/keys', { name: 'n', scopes: ['jobs:read'] })).body.key_id;
const failed = async (): Promise<string> => {
  const jobId = await fresh({ plan: planOf(sql('broken', 'SELECT nothing_of_the_kind')), confirm: true });
  await client.get(`/v1/jobs/${jobId}`, { prefer: 'wait=60' });
  return jobId;
};

/**
 * What is done, and the action that it has to leave; or nothing, for what only reads. What files in a folder refuse is
 * done in s3-store.e2e-spec.ts, which looks for the same.
 */
type Decision = [action: string, act: () => Promise<Answer<unknown>>] | 'reads' | 'needs a bucket';

/** Every route, and what it leaves on the audit. A route without a decision fails the test below. */
const DECISIONS: Readonly<Record<string, Decision>> = {
  'get /v1/jobs': 'reads',
  'post /v1/jobs': ['job.created', () => client.post('/v1/jobs', { requirement: 'x' })],
  'post /v1/jobs/batch': [
    'job.created',
    () => client.post('/v1/jobs/batch', { items: [{ requirement: 'x' }] }),
  ],
  'post /v1/jobs/cancel': ['task.begun', () => beginTask('cancel')],
  'post /v1/jobs/retry': ['task.begun', () => beginTask('retry')],
  'get /v1/tasks/{task_id}': 'reads',
  'post /v1/tasks/{task_id}/cancel': [
    'task.cancelled',
    async () => {
      // The worker may be faster, now and then.
      for (let attempt = 1; ; attempt++) {
        const { task_id: taskId } = (await beginTask('cancel')).body;
        const answer = await client.post(`/v1/tasks/${taskId}/cancel`, { reason: 'no need' });
        if (answer.status === 200 || attempt === 5) return answer;
      }
    },
  ],
  [`get ${JOB}`]: 'reads',
  [`post ${JOB}/confirm`]: ['job.confirmed', async () => client.post(`/v1/jobs/${await fresh()}/confirm`)],
  [`post ${JOB}/run`]: [
    'job.enqueued',
    async () => client.post(`/v1/jobs/${await fresh({ confirm: true, hold: true })}/run`),
  ],
  [`post ${JOB}/cancel`]: [
    'job.cancelled',
    async () => client.post(`/v1/jobs/${await fresh()}/cancel`, {}, { 'x-ss-reason': 'no need' }),
  ],
  [`post ${JOB}/retry`]: [
    'job.retried',
    async () => client.post(`/v1/jobs/${await failed()}/retry`, { reason: 'once more' }),
  ],
  [`get ${JOB}/events`]: 'reads',
  'get /v1/events': 'reads',
  [`get ${JOB}/explain`]: 'reads',
  [`delete ${JOB}/data`]: [
    'job.data_erased',
    async () => client.delete(`/v1/jobs/${await failed()}/data`, { 'x-ss-reason': 'asked to' }),
  ],
  [`post ${JOB}/inputs`]: ['job.inputs_added', async () => upload(await fresh())],
  [`get ${JOB}/inputs`]: 'reads',
  [`get ${JOB}/inputs/preview`]: ['inputs.previewed', () => theirs.get('/v1/jobs/same/inputs/preview')],
  [`delete ${JOB}/inputs/{dataset_key}`]: [
    'job.inputs_removed',
    async () => {
      const jobId = await fresh();
      await upload(jobId);
      return client.delete(`/v1/jobs/${jobId}/inputs/p`);
    },
  ],
  [`post ${JOB}/inputs/uploads`]: ['upload.announced', async () => announced(await fresh())],
  [`get ${JOB}/inputs/uploads/{upload_id}`]: 'reads',
  [`patch ${JOB}/inputs/uploads/{upload_id}`]: [
    'job.inputs_added',
    async () => {
      const { headers } = await announced(await fresh());
      const next = { ...TUS, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' };
      return client.send('PATCH', headers.get('location')!, next, FEW_ROWS);
    },
  ],
  [`delete ${JOB}/inputs/uploads/{upload_id}`]: [
    'upload.abandoned',
    async () => client.delete((await announced(await fresh())).headers.get('location')!),
  ],
  [`post ${JOB}/inputs/presign`]: 'needs a bucket',
  [`post ${JOB}/inputs/presign/{upload_id}/complete`]: 'needs a bucket',
  [`post ${JOB}/draft`]: [
    'job.draft_requested',
    async () => {
      const { job_id: jobId } = (await client.post<JobBody>('/v1/jobs', { requirement: 'x' })).body;
      await upload(jobId);
      return client.post(`/v1/jobs/${jobId}/draft`);
    },
  ],
  [`get ${JOB}/draft`]: 'reads',
  [`patch ${JOB}/draft`]: [
    'job.draft_edited',
    async () => client.patch(`/v1/jobs/${await fresh()}/draft`, { notes: 'x' }, { 'if-match': '"2"' }),
  ],
  [`get ${JOB}/draft/revisions`]: 'reads',
  [`get ${JOB}/draft/revisions/{revision}`]: 'reads',
  [`get ${JOB}/plan`]: 'reads',
  [`get ${JOB}/runs`]: 'reads',
  [`get ${JOB}/runs/{run_id}`]: 'reads',
  [`get ${JOB}/artifacts`]: 'reads',
  [`get ${JOB}/artifacts/{path}`]: [
    'artifact.downloaded',
    () => theirs.get('/v1/jobs/same/artifacts/tables/read.csv'),
  ],
  [`get ${JOB}/artifacts.zip`]: ['artifacts.downloaded', () => theirs.get('/v1/jobs/same/artifacts.zip')],
  [`get ${JOB}/audit`]: 'reads',
  'get /v1/audit': 'reads',
  'get /v1/audit/export': ['audit.exported', () => client.get('/v1/audit/export')],
  'get /v1/usage': 'reads',
  'get /v1/quota': 'reads',
  'get /v1/status': 'reads',
  'put /v1/tenants/{tenant_id}/quota': [
    'tenant.quota_changed',
    () => platform.send('PUT', '/v1/tenants/theirs/quota', JSON_TYPE, '{"queued_jobs":5000}'),
  ],
  'get /v1/queues': 'reads',
  'post /v1/queues/{name}/pause': [
    'queue.paused',
    () => platform.post('/v1/queues/job.draft/pause', { reason: 'a test' }),
  ],
  'post /v1/queues/{name}/resume': [
    'queue.resumed',
    async () => {
      await platform.post('/v1/queues/job.draft/pause', { reason: 'a test' });
      return platform.post('/v1/queues/job.draft/resume', {}, { 'x-ss-reason': 'a test' });
    },
  ],
  'get /v1/webhooks': 'reads',
  'post /v1/webhooks': [
    'webhook.created',
    () => client.post('/v1/webhooks', { url: 'https://example.com/x' }),
  ],
  [`get ${WEBHOOK}`]: 'reads',
  [`delete ${WEBHOOK}`]: ['webhook.deleted', async () => client.delete(`/v1/webhooks/${await newWebhook()}`)],
  [`post ${WEBHOOK}/rotate`]: [
    'webhook.rotated',
    async () => client.post(`/v1/webhooks/${await newWebhook()}/rotate`),
  ],
  [`post ${WEBHOOK}/enable`]: [
    'webhook.enabled',
    async () => client.post(`/v1/webhooks/${await newWebhook()}/enable`),
  ],
  [`post ${WEBHOOK}/test`]: [
    'webhook.tested',
    async () => client.post(`/v1/webhooks/${await newWebhook()}/test`),
  ],
  [`get ${WEBHOOK}/deliveries`]: 'reads',
  [`post ${WEBHOOK}/deliveries/{delivery_id}/replay`]: [
    'webhook.delivery_replayed',
    async () => {
      const at = `/v1/webhooks/${await newWebhook()}`;
      const { delivery_id: id } = (await client.post<DeliveryBody>(`${at}/test`)).body;
      return client.post(`${at}/deliveries/${id}/replay`);
    },
  ],
  'get /v1/keys': 'reads',
  'post /v1/keys': ['api_key.created', () => client.post('/v1/keys', { name: 'n', scopes: ['jobs:read'] })],
  'post /v1/keys/{key_id}/rotate': [
    'api_key.rotated',
    async () => client.post(`/v1/keys/${await newKey()}/rotate`),
  ],
  'post /v1/keys/{key_id}/revoke': [
    'api_key.revoked',
    async () => client.post(`/v1/keys/${await newKey()}/revoke`, { reason: 'lost' }),
  ],
};

/** Needs a reason, and says so. */
const REASONED = [
  `post ${JOB}/cancel`,
  `post ${JOB}/retry`,
  `delete ${JOB}/data`,
  'post /v1/jobs/cancel',
  'post /v1/jobs/retry',
  'post /v1/tasks/{task_id}/cancel',
  'post /v1/queues/{name}/pause',
  'post /v1/queues/{name}/resume',
  'post /v1/keys/{key_id}/revoke',
];

async function lastEventId(): Promise<number> {
  const [row] = await deployment.sql<{ id: number }>(
    'SELECT coalesce(max(event_id), 0) AS id FROM audit_event',
  );
  return row!.id;
}

describe('every route', () => {
  it('is decided: it reads, or it leaves a row', () => {
    expect(Object.keys(DECISIONS).sort()).toEqual(operations);
    const reading = Object.entries(DECISIONS).filter(([, decision]) => decision === 'reads');
    for (const [operation] of reading) expect(operation).toMatch(/^get /);
  });

  it('that changes something, or shows data, leaves its row with its request, actor and login', async () => {
    for (const [operation, decision] of Object.entries(DECISIONS)) {
      if (decision === 'reads' || decision === 'needs a bucket') continue;
      const [action, act] = decision;
      const before = await lastEventId();
      const answer = await act();
      expect([operation, answer.status]).toEqual([operation, expect.any(Number)]);
      expect({ operation, ok: answer.status < 300, body: answer.bytes.toString() }).toMatchObject({
        ok: true,
      });
      const rows = await deployment.sql<Record<string, unknown>>(
        `SELECT action, actor_kind, source, database_user, reason FROM audit_event
         WHERE event_id > $1 AND request_id = $2 AND action = $3`,
        [before, answer.headers.get('x-ss-request-id'), action],
      );
      expect({ operation, rows }).toMatchObject({
        rows: [{ action, actor_kind: 'api_key', source: 'api', database_user: 'ss_api_login' }],
      });
      expect({ operation, count: rows.length }).toEqual({ operation, count: 1 });
      if (REASONED.includes(operation)) expect(rows[0]!['reason']).toMatch(/\S/);
    }
  });

  it.each(REASONED)('%s asks for a reason before it looks at anything', async (operation) => {
    const [method, path] = request(operation, { ...foreign, name: 'job.run' });
    for (const body of ['{}', '{"reason":"  "}']) {
      const answer = await platform.send<Problem>(method, path, JSON_TYPE, body);
      expect([answer.status, answer.body.code]).toEqual([400, 'REASON_REQUIRED']);
    }
  });
});

/** The method and the address of an operation, with these ids. */
function request(operation: string, ids: Readonly<Record<string, string>>): [method: string, path: string] {
  const [method = '', path = ''] = operation.split(' ');
  return [method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? 'x')];
}

/** As good a request as can be made, so that nothing but the id is wrong with it. */
function send(
  by: Client,
  operation: string,
  ids: Readonly<Record<string, string>>,
): Promise<Answer<Problem>> {
  const [method, path] = request(operation, ids);
  const headers = { 'x-ss-reason': 'a try', 'if-match': '"2"', ...(path.includes('/uploads') ? TUS : {}) };
  if (operation === `post ${JOB}/inputs`) {
    const form = new FormData();
    form.append('role', 'other');
    form.append('file', new Blob(['a,b\n1,2\n']), 'x.csv');
    return by.send(method, path, headers, form);
  }
  if (method === 'GET' || method === 'DELETE') return by.send(method, path, headers);
  if (operation === `post ${JOB}/inputs/presign`) {
    const file = { name: 'x.csv', role: 'other', bytes: 1, sha256: 'a'.repeat(64) };
    return by.send(method, path, { ...headers, ...JSON_TYPE }, JSON.stringify(file));
  }
  const body = method === 'PATCH' ? { notes: 'x' } : {};
  return by.send(method, path, { ...headers, ...JSON_TYPE }, JSON.stringify(body));
}

/** As the router has it, and so the audit. */
function routeOf(operation: string): string {
  const [method = '', path = ''] = operation.split(' ');
  return `${method.toUpperCase()} ${path.replace('{path}', '*').replaceAll(/\{(\w+)\}/g, ':$1')}`;
}

/** Folders of the store with a file that holds this tenant's own row. */
async function foldersWith(whose: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const path of await deployment.storedFiles())
    if ((await readFile(path, 'utf8')) === `who\n${whose}\n`) found.add(dirname(path));
  return found;
}

async function deniedRoutes(tenantId: string, code: string, actorId: string): Promise<string[]> {
  const rows = await deployment.sql<{ route: string }>(
    `SELECT DISTINCT resource_id AS route FROM audit_event
     WHERE tenant_id = $1 AND action = 'access.denied' AND metadata ->> 'code' = $2 AND actor_id = $3`,
    [tenantId, code, actorId],
  );
  return rows.map(({ route }) => route).sort();
}

describe('whoever may not', () => {
  it('is refused on every route without a key, and each is on the audit of the platform', async () => {
    for (const operation of operations) {
      const answer = await send(client.withKey(null), operation, foreign);
      expect([operation, answer.body.code]).toEqual([operation, 'AUTH_BEARER_TOKEN_MISSING']);
    }
    const expected = [...new Set(operations.map(routeOf))].sort();
    await eventually(
      async () =>
        (await deniedRoutes('@platform', 'AUTH_BEARER_TOKEN_MISSING', 'anonymous')).length ===
        expected.length,
    );
    expect(await deniedRoutes('@platform', 'AUTH_BEARER_TOKEN_MISSING', 'anonymous')).toEqual(expected);
  });

  it('finds no other tenant’s id on any route that takes one, and each is on the audit of who tried', async () => {
    // Names of queues and tenants are for keys of the platform alone.
    const withIds = operations.filter((operation) => /\{(?!name\}|tenant_id\})/.test(operation));
    expect(withIds.length).toBeGreaterThan(20);
    for (const operation of withIds) {
      const answer = await send(client, operation, foreign);
      const codes = {
        ...{ key_id: 'API_KEY_NOT_FOUND', task_id: 'TASK_NOT_FOUND', webhook_id: 'WEBHOOK_NOT_FOUND' },
        job_id: 'JOB_NOT_FOUND',
      };
      const code = Object.entries(codes).find(([name]) => operation.includes(`{${name}}`))?.[1];
      expect([operation, answer.status, answer.body.code]).toEqual([operation, 404, code]);
    }
    const expected = withIds.filter((operation) => operation.includes('{job_id}')).map(routeOf);
    await eventually(
      async () => (await deniedRoutes('mine', 'JOB_NOT_FOUND', mine.keyId)).length === expected.length,
    );
    expect(await deniedRoutes('mine', 'JOB_NOT_FOUND', mine.keyId)).toEqual(expected.sort());
    // Nothing of it among the rows of the tenant whose ids they were.
    expect(await deniedRoutes('theirs', 'JOB_NOT_FOUND', mine.keyId)).toEqual([]);
  });

  it('finds no other tenant’s run, dataset, file or upload under a job of their own', async () => {
    const ids = { ...foreign, job_id: await fresh() };
    for (const [operation, code] of [
      [`get ${JOB}/runs/{run_id}`, 'RUN_NOT_FOUND'],
      [`delete ${JOB}/inputs/{dataset_key}`, 'INPUT_DATASET_NOT_FOUND'],
      [`get ${JOB}/artifacts/{path}`, 'ARTIFACT_NOT_FOUND'],
      [`get ${JOB}/inputs/uploads/{upload_id}`, 'UPLOAD_NOT_FOUND'],
    ] as const) {
      const answer = await send(client, operation, ids);
      expect([operation, answer.status, answer.body.code]).toEqual([operation, 404, code]);
      await eventually(async () =>
        (await deniedRoutes('mine', code, mine.keyId)).includes(routeOf(operation)),
      );
    }
  });

  it('names another tenant in X-SS-Tenant-ID in vain, on every route', async () => {
    for (const operation of operations) {
      const [method, path] = request(operation, foreign);
      const answer = await client.send<Problem>(method, path, { 'x-ss-tenant-id': 'theirs' });
      expect([operation, answer.status, answer.body.code]).toEqual([operation, 403, 'TENANT_MISMATCH']);
    }
    const expected = [...new Set(operations.map(routeOf))].sort();
    await eventually(
      async () => (await deniedRoutes('mine', 'TENANT_MISMATCH', mine.keyId)).length === expected.length,
    );
  });

  it('without the scope, or with a key that was revoked, stands in the audit of the tenant', async () => {
    const reader = await deployment.key('mine', ['jobs:read']);
    const refused = await client.withKey(reader.key).get<Problem>('/v1/keys');
    expect([refused.status, refused.body.code]).toEqual([403, 'AUTH_SCOPE_MISSING']);
    await eventually(
      async () => (await deniedRoutes('mine', 'AUTH_SCOPE_MISSING', reader.keyId)).length === 1,
    );
    await deployment.revoke(reader);
    expect((await client.withKey(reader.key).get<Problem>('/v1/jobs')).status).toBe(401);
    const rows = await eventually(async () => {
      const found = await deployment.sql<{ metadata: object }>(
        `SELECT metadata FROM audit_event WHERE tenant_id = 'mine' AND action = 'access.denied'
           AND actor_kind = 'anonymous' AND metadata ->> 'key_id' = $1`,
        [reader.keyId],
      );
      return found.length > 0 ? found : null;
    });
    expect(rows[0]!.metadata).toEqual({
      ...{ code: 'AUTH_BEARER_TOKEN_INVALID', status: 401, count: 1, key_id: reader.keyId },
    });
    expect(JSON.stringify(rows)).not.toContain(reader.key.split('.')[3]);
  });
});

describe('a key', () => {
  it('that is rotated goes on for a day, where no other overlap is said', async () => {
    const rotated = await client.post(`/v1/keys/${await newKey()}/rotate`, { overlap_seconds: null });
    expect(rotated.status).toBe(201);
    const { items } = (await client.get<KeyList>('/v1/keys')).body;
    const old = items.find(({ key_id: id }) => id === (rotated.body as NewKeyBody).rotated_from);
    expect(Date.parse(old?.expires_at ?? '')).toBeGreaterThan(Date.now() + 80_000_000);
  });
});

describe('the same names in two tenants', () => {
  it('never meet: not in rows, answers, files, messages, metrics or logs', async () => {
    const created = await sameJob(client, 'mine');
    expect([created.status, created.body.tenant_id]).toEqual([201, 'mine']);
    for (const [by, whose] of [
      [client, 'mine'],
      [theirs, 'theirs'],
    ] as const) {
      const body = { job_id: 'same', plan: planOf(sql('read', 'SELECT who FROM p')) };
      const again = await by.post<JobBody>('/v1/jobs', body, { 'idempotency-key': 'the-same-key' });
      expect([again.headers.get('idempotent-replayed'), again.body.tenant_id]).toEqual(['true', whose]);
      const table = await by.get('/v1/jobs/same/artifacts/tables/read.csv');
      expect(table.bytes.toString()).toBe(`who\n${whose}\n`);
      const listed = (await by.get<JobPage>('/v1/jobs?limit=200')).body.items;
      expect(new Set(listed.map(({ tenant_id }) => tenant_id))).toEqual(new Set([whose]));
      const { items } = (await by.get<ArtifactPage>('/v1/jobs/same/artifacts')).body;
      expect(items.map(({ rel_path }) => rel_path)).toContain('tables/read.csv');
    }
    const rows = await deployment.sql<{ tenants: number; names: number }>(
      `SELECT count(DISTINCT tenant_id)::int AS tenants, count(DISTINCT (tenant_id, storage_name))::int AS names
       FROM artifact WHERE job_id = 'same' AND rel_path = 'tables/read.csv'`,
    );
    expect(rows).toEqual([{ tenants: 2, names: 2 }]);
    // A folder a tenant: what the one wrote lies beside nothing of the other.
    const [ours, others] = [await foldersWith('mine'), await foldersWith('theirs')];
    expect(Math.min(ours.size, others.size)).toBeGreaterThan(0);
    expect([...ours].filter((folder) => others.has(folder))).toEqual([]);
    for (const program of deployment.programs) {
      const metrics = await (await fetch(`${program.url}/metrics`)).text();
      expect(metrics).not.toMatch(/theirs|"mine"|"same"|the-same-key/);
      for (const line of program.log.filter((one) => one['job_id'] === 'same'))
        expect(['mine', 'theirs']).toContain(line['tenant_id']);
    }
  });
});

it('has said no secret and met no fault', () => {
  expectCleanLog(deployment, [mine.key, mine.key.split('.')[3]!]);
});
