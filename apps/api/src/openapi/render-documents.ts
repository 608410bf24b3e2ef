import { FolderArtifactStore } from '#artifacts';
import { readConfiguration } from '#configuration';
import { Database } from '#database';
import { Execution } from '#execution';
import { createLogger } from '#observability';
import { Queue } from '#queue';
import { ApiKeys, Authentication, DeniedAttempts, Tenants } from '#tenancy';
import { TargetPolicy } from '#webhooks';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ApiModule, type ApiResources } from '../api.module.js';
import { NOBODY } from '../http/denials.js';
import { LegacyJobs } from '../legacy/legacy-jobs.js';
import { ApiDocuments } from '../openapi.js';
import { toApiSettings, toUploadSettings } from '../settings.js';
import { VERSIONS_BY_DEFAULT } from '../versions/released-versions.js';
import type { Document } from './document.js';

const SCOPE = { ...NOBODY, source: 'docs' };

/** The documents of all versions by name, as the routes are written: no server is asked, and nothing is started. */
export async function renderDocuments(): Promise<Map<string, Document>> {
  const app = await NestFactory.create<NestFastifyApplication>(
    ApiModule.register(resourcesOfNothing()),
    new FastifyAdapter(),
    { preview: true, logger: false, abortOnError: false },
  );
  const documents = new ApiDocuments(app, VERSIONS_BY_DEFAULT);
  return new Map(VERSIONS_BY_DEFAULT.all.map((version) => [version.name, documents.of(version)]));
}

/** What controllers are made of; none of it is opened. */
function resourcesOfNothing(): ApiResources {
  const { configuration } = readConfiguration('api', {});
  const options = {
    url: 'postgres://nobody@127.0.0.1:1/none',
    role: 'ss_api',
    applicationName: 'docs',
  } as const;
  const ignore = { onError: () => undefined };
  const database = new Database({ ...options, ...ignore });
  const keys = new ApiKeys(database, new Tenants(database));
  return {
    database,
    queue: new Queue(database, SCOPE, { consumes: false, ...ignore }),
    store: new FolderArtifactStore('.'),
    legacy: new LegacyJobs(null),
    execution: new Execution(),
    keys,
    authentication: new Authentication(keys, null),
    denied: new DeniedAttempts(database, NOBODY, ignore),
    commandProfiles: [],
    uploadMaxBytes: 0,
    uploads: toUploadSettings(configuration),
    webhookTargets: new TargetPolicy(configuration.webhooksPrivateNetworks),
    settings: toApiSettings(configuration),
    versions: VERSIONS_BY_DEFAULT,
    servesMetrics: true,
    logger: createLogger({ program: 'docs', level: 'silent' }),
  };
}
