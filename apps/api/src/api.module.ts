import type { ArtifactStore } from '#artifacts';
import { AuditExports, AuditTrail } from '#audit';
import type { Database, Scope } from '#database';
import { EventFeed, EventLog } from '#events';
import type { Execution } from '#execution';
import { Drain, HealthModule, metricsModule, programChecks } from '#health';
import {
  DeploymentStatus,
  DraftingUsage,
  JobBatches,
  JobErasure,
  JobExplanations,
  JobInputs,
  JobLifecycle,
  JobLists,
  JobReads,
  JobTasks,
  JobUploads,
  QueueControl,
  QuotaReports,
} from '#jobs';
import type { Logger } from '#observability';
import type { Queue } from '#queue';
import {
  ApiKeys,
  type Authentication,
  type DeniedAttempts,
  RequestRates,
  TenantQuotas,
  Tenants,
} from '#tenancy';
import { type TargetPolicy, Webhooks } from '#webhooks';
import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { LoggerModule, PinoLogger } from 'nestjs-pino';
import { ArtifactsZipController } from './artifacts/artifacts-zip.controller.js';
import { ArtifactsController } from './artifacts/artifacts.controller.js';
import { AuditController } from './audit/audit.controller.js';
import { AuditEventsController } from './audit/audit-events.controller.js';
import { DraftController } from './draft/draft.controller.js';
import { EventsController } from './events/events.controller.js';
import { EventStreams } from './events/event-streams.js';
import { AuthGuard } from './http/auth.guard.js';
import { BodyPipe } from './http/body.pipe.js';
import { InFlight } from './http/in-flight.js';
import { NOBODY } from './http/denials.js';
import { EtagInterceptor } from './http/etag.interceptor.js';
import { PageLinkInterceptor } from './http/page-link.interceptor.js';
import { ProblemFilter } from './http/problem.filter.js';
import { RequestLimit } from './http/request-limit.js';
import { RepeatInterceptor } from './http/repeat.interceptor.js';
import { RequestShapeGuard } from './http/request-shape.guard.js';
import { requestLogging } from './http/request-logging.js';
import { InputsController } from './inputs/inputs.controller.js';
import { BatchController } from './jobs/batch.controller.js';
import { ErasureController } from './jobs/erasure.controller.js';
import { ExplainController } from './jobs/explain.controller.js';
import { JobListController } from './jobs/job-list.controller.js';
import { JobsController } from './jobs/jobs.controller.js';
import { KeysController } from './keys/keys.controller.js';
import { QueuesController } from './queues/queues.controller.js';
import { QuotaController } from './quota/quota.controller.js';
import { LegacyInterceptor } from './legacy/legacy.interceptor.js';
import { LegacyJobs } from './legacy/legacy-jobs.js';
import { LegacyArtifactsController } from './legacy-routes/legacy-artifacts.controller.js';
import { LegacyDraftController } from './legacy-routes/legacy-draft.controller.js';
import { LegacyInputsController } from './legacy-routes/legacy-inputs.controller.js';
import { LegacyJobsController } from './legacy-routes/legacy-jobs.controller.js';
import { LegacyMoves } from './legacy-routes/legacy-moves.js';
import { LegacyPlanController } from './legacy-routes/legacy-plan.controller.js';
import { RunsController } from './runs/runs.controller.js';
import { API_SETTINGS, ARTIFACT_STORE, type ApiSettings, type UploadSettings } from './settings.js';
import { StatusController } from './status/status.controller.js';
import { BeginTaskController } from './tasks/begin-task.controller.js';
import { TasksController } from './tasks/tasks.controller.js';
import { PartialFiles } from './uploads/partial-files.js';
import { UploadsController } from './uploads/uploads.controller.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';
import { UsageController } from './usage/usage.controller.js';
import { ApiVersions } from './versions/api-versions.js';
import { VersionsController } from './versions/versions.controller.js';

/** What the program has opened before Nest builds the rest around it, and closes after. */
export interface ApiResources {
  database: Database;
  queue: Queue;
  store: ArtifactStore;
  legacy: LegacyJobs;
  execution: Execution;
  webhookTargets: TargetPolicy;
  keys: ApiKeys;
  authentication: Authentication;
  denied: DeniedAttempts;
  commandProfiles: readonly string[];
  uploadMaxBytes: number;
  uploads: UploadSettings;
  settings: ApiSettings;
  versions: ApiVersions;
  /** Whether `/metrics` is among the API's own addresses. */
  servesMetrics: boolean;
  logger: Logger;
}

const PROBE: Scope = { actor: { kind: 'anonymous', id: 'probe' }, source: 'api' };

@Module({})
export class ApiModule {
  static register(resources: ApiResources): DynamicModule {
    const { database, queue, store, execution, commandProfiles, uploadMaxBytes, uploads, settings, logger } =
      resources;
    const inputs = new JobInputs(database, store, execution, uploadMaxBytes, uploads.folder);
    return {
      module: ApiModule,
      imports: [
        LoggerModule.forRoot(requestLogging(logger)),
        ...(resources.servesMetrics ? [metricsModule('api')] : []),
        HealthModule.register(programChecks({ database, queue, store, scope: PROBE }), logger),
      ],
      controllers: [
        JobsController,
        EventsController,
        JobListController,
        BatchController,
        BeginTaskController,
        TasksController,
        WebhooksController,
        InputsController,
        UploadsController,
        DraftController,
        RunsController,
        ArtifactsController,
        ArtifactsZipController,
        AuditController,
        AuditEventsController,
        ExplainController,
        ErasureController,
        QueuesController,
        KeysController,
        UsageController,
        QuotaController,
        StatusController,
        VersionsController,
        LegacyJobsController,
        LegacyInputsController,
        LegacyDraftController,
        LegacyPlanController,
        LegacyArtifactsController,
      ],
      providers: [
        { provide: JobLifecycle, useValue: new JobLifecycle(database, queue, store, commandProfiles) },
        { provide: JobBatches, useValue: new JobBatches(database, queue, store, commandProfiles) },
        { provide: JobLists, useValue: new JobLists(database) },
        { provide: JobTasks, useValue: new JobTasks(database, new JobLists(database)) },
        { provide: JobReads, useValue: new JobReads(database) },
        { provide: DraftingUsage, useValue: new DraftingUsage(database) },
        { provide: JobInputs, useValue: inputs },
        {
          provide: JobUploads,
          useValue: new JobUploads(database, store, inputs, {
            maxBytes: uploadMaxBytes,
            ttlSeconds: uploads.ttlSeconds,
          }),
        },
        { provide: PartialFiles, useValue: new PartialFiles(uploads) },
        { provide: JobExplanations, useValue: new JobExplanations(database, settings.leaseMs) },
        { provide: JobErasure, useValue: new JobErasure(database, store) },
        { provide: Webhooks, useValue: new Webhooks(database, resources.webhookTargets) },
        { provide: QueueControl, useValue: new QueueControl(database) },
        { provide: DeploymentStatus, useValue: new DeploymentStatus(database, settings.leaseMs) },
        { provide: Tenants, useValue: new Tenants(database) },
        { provide: TenantQuotas, useValue: new TenantQuotas(database) },
        { provide: QuotaReports, useValue: new QuotaReports(database) },
        { provide: AuditTrail, useValue: new AuditTrail(database) },
        { provide: AuditExports, useValue: new AuditExports(database) },
        { provide: ApiKeys, useValue: resources.keys },
        { provide: ApiVersions, useValue: resources.versions },
        { provide: LegacyJobs, useValue: resources.legacy },
        { provide: ARTIFACT_STORE, useValue: store },
        { provide: API_SETTINGS, useValue: settings },
        InFlight,
        LegacyMoves,
        {
          provide: EventStreams,
          useFactory: (drain: Drain) => eventStreams(resources, drain),
          inject: [Drain],
        },
        {
          provide: RequestLimit,
          useFactory: (quotas: TenantQuotas, log: PinoLogger) =>
            new RequestLimit(new RequestRates((tenantId) => rateOf(quotas, tenantId)), log),
          inject: [TenantQuotas, PinoLogger],
        },
        {
          provide: APP_GUARD,
          useFactory: (reflector: Reflector, limit: RequestLimit, log: PinoLogger) =>
            new AuthGuard(resources.authentication, reflector, limit, log, resources.versions),
          inject: [Reflector, RequestLimit, PinoLogger],
        },
        { provide: APP_GUARD, useClass: RequestShapeGuard },
        { provide: APP_PIPE, useValue: new BodyPipe(settings) },
        { provide: APP_INTERCEPTOR, useValue: new LegacyInterceptor(resources.legacy) },
        { provide: APP_INTERCEPTOR, useValue: new RepeatInterceptor(settings) },
        { provide: APP_INTERCEPTOR, useClass: EtagInterceptor },
        { provide: APP_INTERCEPTOR, useClass: PageLinkInterceptor },
        { provide: APP_FILTER, useValue: new ProblemFilter(logger, resources.denied, resources.versions) },
      ],
    };
  }
}

function eventStreams({ database, settings, logger }: ApiResources, drain: Drain): EventStreams {
  const log = new EventLog(database, { actor: { kind: 'anonymous', id: 'events' }, source: 'api' });
  const feed = new EventFeed(log, {
    onError: (error) => {
      logger.warn({ event: 'SS_API_EVENTS_DELAYED', err: error }, 'events come later; none is lost');
    },
  });
  return new EventStreams(log, feed, drain, settings.streams);
}

async function rateOf(quotas: TenantQuotas, tenantId: string): Promise<number | null> {
  const { requests_per_second: rate } = await quotas.find({ tenantId, actor: NOBODY.actor, source: 'api' });
  return rate;
}
