import { FolderArtifactStore } from '#artifacts';
import { readConfiguration } from '#configuration';
import { Execution } from '#execution';
import { JobLifecycle } from '#jobs';
import { Queue } from '#queue';
import { ApiKeys, Authentication, DeniedAttempts, TENANT_SCOPES, Tenants } from '#tenancy';
import { aTenant, HeardLog, type TestDatabase, testDatabase } from '#testing';
import { TargetPolicy } from '#webhooks';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiModule, type ApiResources } from '../api.module.js';
import { createApi } from '../create-api.js';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, JOB_ID } from '../http/documented.js';
import { toEdgeSettings } from '../http/edge-settings.js';
import { JobIdParam } from '../http/path-params.js';
import { LegacyJobs } from '../legacy/legacy-jobs.js';
import { toApiSettings, toUploadSettings } from '../settings.js';
import type { ApiVersion } from './api-version.js';
import { ApiVersions } from './api-versions.js';
import { VERSIONS_BY_DEFAULT } from './released-versions.js';

class SecondJobBody {
  @ApiProperty()
  id!: string;

  @ApiProperty()
  state!: string;
}

/** The one resource that is another in the second version. */
@ApiTags('jobs')
@Documented()
@Controller('v2/jobs/:job_id')
class SecondJobController {
  constructor(private readonly lifecycle: JobLifecycle) {}

  @Get()
  @Needs('jobs:read')
  @JOB_ID
  @ApiOperation({ summary: 'Read a job, as the second version shows it' })
  @ApiOkResponse({ type: SecondJobBody })
  async get(@Asks() asking: Asking, @JobIdParam() jobId: string): Promise<SecondJobBody> {
    const { job_id: id, status: state } = await this.lifecycle.get(asking.scope(), jobId);
    return { id, state };
  }
}

const V1_NEXT_YEAR: ApiVersion = {
  ...VERSIONS_BY_DEFAULT.named('v1'),
  successor: 'v2',
  deprecated: '2027-09-01',
  sunset: '2028-03-01',
};
const V2: ApiVersion = {
  ...VERSIONS_BY_DEFAULT.named('v1'),
  ...{ name: 'v2', prefix: '/v2', root: '/v2', since: '2027-09-01', inherits: 'v1' },
};

const { configuration } = readConfiguration('api', {});

let db: TestDatabase;
let folder: string;
let app: NestFastifyApplication;
let authorization: string;
let now = Date.parse('2027-10-01T00:00:00Z');

beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'ss-versions-'));
  const versions = new ApiVersions([VERSIONS_BY_DEFAULT.named('unversioned'), V1_NEXT_YEAR, V2], () => now);
  const resources = resourcesWith(versions);
  const module = ApiModule.register(resources);
  module.controllers?.push(SecondJobController);
  app = await createApi(resources, toEdgeSettings(configuration), module);
  await app.init();
  const keys = new ApiKeys(db.database('ss_operator'), new Tenants(db.database('ss_operator')));
  const scope = {
    tenantId: await aTenant(db),
    actor: { kind: 'operator', id: 'test' },
    source: 'test',
  } as const;
  const { key } = await keys.create(scope, { name: 'client', scopes: TENANT_SCOPES });
  authorization = `Bearer ${key}`;
});
afterAll(async () => {
  await app.close();
  await db.drop();
  await rm(folder, { recursive: true });
});

function resourcesWith(versions: ApiVersions): ApiResources {
  const database = db.database('ss_api');
  const scope = { actor: { kind: 'operator', id: 'test' }, source: 'api' } as const;
  const keys = new ApiKeys(database, new Tenants(database));
  return {
    database,
    queue: new Queue(database, scope, { consumes: false, onError: () => undefined }),
    store: new FolderArtifactStore(folder),
    legacy: new LegacyJobs(null),
    execution: new Execution(),
    keys,
    authentication: new Authentication(keys, null),
    denied: new DeniedAttempts(database, { tenantId: 'default', ...scope }, { onError: () => undefined }),
    commandProfiles: [],
    uploadMaxBytes: 1_000_000,
    uploads: { ...toUploadSettings(configuration), folder },
    webhookTargets: new TargetPolicy(null),
    settings: toApiSettings(configuration),
    versions,
    servesMetrics: false,
    logger: new HeardLog().logger,
  };
}

interface Told {
  status: number;
  body: Record<string, unknown>;
  deprecation: unknown;
  sunset: unknown;
  link: unknown;
  location: unknown;
}

async function ask(method: 'GET' | 'POST', url: string, payload?: object): Promise<Told> {
  const answer = await app.inject({
    method,
    url,
    headers: { authorization },
    ...(payload ? { payload } : {}),
  });
  const { deprecation, sunset, link, location } = answer.headers;
  return { status: answer.statusCode, body: answer.json(), deprecation, sunset, link, location };
}

describe('a second version with one changed resource', () => {
  // Scenario: Versioned routes can coexist
  it('is served beside the first, which says that it is deprecated and where to go', async () => {
    await ask('POST', '/v1/jobs', { job_id: 'one', requirement: 'x' });
    const first = await ask('GET', '/v1/jobs/one');
    expect(first).toMatchObject({
      status: 200,
      body: { job_id: 'one', status: 'created', version: 1 },
      deprecation: `@${String(Date.parse('2027-09-01T00:00:00Z') / 1_000)}`,
      sunset: 'Wed, 01 Mar 2028 00:00:00 GMT',
      link: [expect.stringContaining('rel="deprecation"'), '</v2/jobs/one>; rel="successor-version"'],
    });
    const second = await ask('GET', '/v2/jobs/one');
    expect(second).toMatchObject({ status: 200, body: { id: 'one', state: 'created' } });
    expect([second.deprecation, second.sunset, second.link]).toEqual([undefined, undefined, undefined]);
  });

  it('has all other resources of the first, in its own addresses', async () => {
    const made = await ask('POST', '/v2/jobs', { job_id: 'two', requirement: 'x' });
    expect(made).toMatchObject({ status: 201, location: '/v2/jobs/two', deprecation: undefined });
    expect((await ask('GET', '/v2/jobs?limit=1')).body['items']).toEqual([
      expect.objectContaining({ job_id: 'two' }),
    ]);
    expect((await ask('GET', '/v1/jobs/two')).status).toBe(200);
    expect((await ask('GET', '/v2/nothing')).status).toBe(404);
  });

  it('has a document of its own, and is the current one', async () => {
    const current = (await ask('GET', '/openapi.json')).body;
    expect(current).toEqual((await ask('GET', '/openapi/v2.json')).body);
    const { paths } = current as { paths: Record<string, Record<string, { operationId: string }>> };
    expect(Object.keys(paths).filter((path) => path.startsWith('/v1'))).toEqual([]);
    expect(paths['/v2/jobs/{job_id}']?.['get']?.operationId).toBe('secondjob_get');
    expect(paths['/v2/jobs']?.['post']?.operationId).toBe('jobs_create');
    const older = (await ask('GET', '/openapi/v1.json')).body as typeof current & {
      paths: Record<string, Record<string, { deprecated?: boolean }>>;
    };
    expect(older.paths['/v1/jobs/{job_id}']?.['get']?.deprecated).toBe(true);
    expect(Object.keys(older.paths).filter((path) => path.startsWith('/v2'))).toEqual([]);
  });

  it('stays when the first has ended, with what it took over', async () => {
    now = Date.parse('2028-03-01T00:00:00Z');
    const gone = await ask('GET', '/v1/jobs/one');
    expect([gone.status, gone.body['code'], gone.body['successor']]).toEqual([
      410,
      'API_VERSION_GONE',
      '/v2/jobs/one',
    ]);
    expect((await ask('GET', '/v2/jobs/one')).status).toBe(200);
    expect((await ask('GET', '/v2/jobs')).status).toBe(200);
  });
});
