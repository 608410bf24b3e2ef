import 'reflect-metadata';
import { openArtifactStore } from '#artifacts';
import { AuditSeal, CheckpointFolder, openSigner } from '#audit';
import { readDotEnv } from '#configuration';
import { Execution, readCommandProfiles } from '#execution';
import {
  Closing,
  Drain,
  failToStart,
  isOnOwnPort,
  LogLevelFollower,
  onConnectionFault,
  onShutdown,
  openDatabase,
  openMetricsServer,
  Startup,
  tellSurroundings,
} from '#health';
import { DraftExchanges, JobDrafting, JobRuns, LostRuns, type WorkerIdentity } from '#jobs';
import {
  createLogger,
  FrameworkLogger,
  logLookOf,
  LogThreshold,
  release,
  startTracing,
} from '#observability';
import { Queue } from '#queue';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { abilitiesOf } from './abilities.js';
import { readEnv } from './env.js';
import { openDrafting } from './language-model.js';
import { LeaseKeeper } from './lease-keeper.js';
import { sayPaused } from './say-paused.js';
import { sideWork } from './side-work.js';
import { CLOSING_MS, Worker } from './worker.js';
import { WorkerModule } from './worker.module.js';

const MIB = 1024 ** 2;
const SECOND = 1_000;

const { configuration, warnings } = readEnv();
const workerId = randomUUID();
const threshold = new LogThreshold(configuration.logLevel);
const look = logLookOf(configuration.logFormat, process.stdout.isTTY, process.env);
const logger = createLogger({ program: 'worker', level: threshold, look }).child({ worker_id: workerId });
for (const warning of warnings) logger.warn({ event: 'SS_CONFIGURATION_WARNING' }, warning);
const closing = new Closing();
const tracing = await startTracing({
  service: 'ss-worker',
  environment: process.env,
  file: readDotEnv('.env'),
  logger,
});
// First, so that it ends last.
closing.add(() => tracing.stop());

try {
  const database = await openDatabase('ss_worker', configuration, logger, closing);
  const profiles = readCommandProfiles(configuration.commandProfiles);
  const identity: WorkerIdentity = {
    workerId,
    build: release(),
    abilities: abilitiesOf(profiles),
    slots: configuration.workerConcurrency,
  };
  const scope = { actor: { kind: 'worker', id: workerId }, source: 'worker' } as const;
  const targets = [workerId, 'worker'];
  const levels = new LogLevelFollower({ database, scope, targets, threshold, logger });
  closing.add(() => levels.stop());
  levels.start();
  const queue = new Queue(database, scope, {
    consumes: true,
    onError: onConnectionFault(logger),
    onPause: sayPaused(logger),
  });
  closing.add(() => queue.stop());
  const { dataDir } = configuration;
  const signer = await openSigner(configuration.auditSigningKey ?? resolve(dataDir, 'audit/signing-key.pem'));
  const checkpointsDir = configuration.auditCheckpointsDir ?? resolve(dataDir, 'audit/checkpoints');
  const store = await openArtifactStore(configuration);
  const leaseMs = configuration.queueLeaseTtlSeconds * SECOND;
  const pollMs = configuration.queuePollSeconds * SECOND;
  const heartbeatMs = configuration.queueHeartbeatSeconds * SECOND;
  const leaseOptions = { ...database.urls, role: 'ss_worker', identity, leaseMs, heartbeatMs } as const;
  const execution = new Execution({
    profiles,
    limits: { duckdbMemoryBytes: configuration.stepMemoryMb * MIB },
    environment: process.env,
    ...(process.env['PATH'] === undefined ? {} : { path: process.env['PATH'] }),
  });
  const drafting = openDrafting({ configuration, database, scope, execution, profiles, logger });
  const exchanges = new DraftExchanges(store, drafting.ledger);
  const { ledger } = drafting;
  const beside = sideWork({ configuration, database, scope, identity, queue, store, signer, ledger, logger });
  const worker = new Worker(
    {
      identity,
      runs: new JobRuns(database, queue, scope, leaseMs),
      seal: new AuditSeal(database, scope, signer, new CheckpointFolder(checkpointsDir)),
      lost: new LostRuns(database, queue, scope, configuration.workerMaxLostRuns),
      leases: new LeaseKeeper({ ...leaseOptions, logThreshold: threshold.shared, logLook: look }, logger),
      drafting: new JobDrafting(database, queue, scope, drafting.drafter, exchanges),
      queue,
      execution,
      store,
      logger,
    },
    {
      draftConcurrency: configuration.draftConcurrency,
      pollMs,
      heartbeatMs,
      sealMs: configuration.auditSealSeconds * SECOND,
      sweepMs: configuration.queueSweepSeconds * SECOND,
      workFolder: resolve(configuration.dataDir, 'work'),
      stepTimeoutMs: configuration.stepTimeoutSeconds * SECOND,
      runTimeoutMs: configuration.runTimeoutSeconds * SECOND,
      retry: {
        maxAttempts: configuration.workerMaxAttempts,
        backoffBaseMs: configuration.workerRetryBackoffBaseSeconds * SECOND,
        backoffMaxMs: configuration.workerRetryBackoffMaxSeconds * SECOND,
      },
    },
  );

  await queue.start();
  const app = await NestFactory.create<NestFastifyApplication>(
    WorkerModule.register({
      database,
      queue,
      store,
      scope,
      breakers: () => drafting.calls?.breakers() ?? null,
      lookAges: () => worker.lookAges(),
      maxLookAgeMs: Math.max(30 * SECOND, 5 * pollMs),
      logger,
      servesMetrics: isOnOwnPort(configuration),
    }),
    new FastifyAdapter(),
    { logger: new FrameworkLogger(logger) },
  );
  closing.add(() => app.close());
  await app.listen(configuration.workerPort, configuration.host);
  tellSurroundings(database, store);
  const metricsServer = await openMetricsServer('worker', configuration);
  if (metricsServer) closing.add(() => metricsServer.close());

  const graceMs = configuration.workerShutdownGraceSeconds * SECOND;
  const hurry = new AbortController();
  onShutdown({
    events: 'SS_WORKER',
    logger,
    boundMs: graceMs + CLOSING_MS,
    hurry: () => {
      hurry.abort();
    },
    close: async () => {
      app.get(Drain).begin();
      const [facts] = await Promise.all([worker.drain(graceMs, hurry.signal), beside.stop()]);
      await drafting.calls?.stop();
      await closing.run();
      return facts;
    },
  });
  // Only now: a worker that claims has to be able to give back what it claimed.
  worker.start();
  beside.start();
  app.get(Startup).setComplete();
  logger.info(
    {
      event: 'SS_WORKER_STARTUP',
      url: await app.getUrl(),
      metrics_url: metricsServer?.url,
      build: identity.build,
    },
    'the worker looks for work',
  );
} catch (error) {
  await failToStart('SS_WORKER', logger, error, closing);
}
