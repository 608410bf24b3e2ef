import 'reflect-metadata';
import { FolderArtifactStore } from '#artifacts';
import { RulesDrafter } from '#drafting';
import { Execution, readCommandProfiles } from '#execution';
import { Closing, Drain, failToStart, onConnectionFault, onShutdown, openDatabase } from '#health';
import { JobDrafting, JobRuns } from '#jobs';
import { createLogger, FrameworkLogger } from '#observability';
import { Queue } from '#queue';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { workerBuild } from './build.js';
import { readEnv } from './env.js';
import { Worker } from './worker.js';
import { WorkerModule } from './worker.module.js';

/** What is left after the grace: ending the children, settling, closing. */
const CLOSING_MS = 15_000;
const ARTIFACT_MAX_BYTES = 4 * 1024 ** 3;
const MIB = 1024 ** 2;
const SECOND = 1_000;

const { configuration, warnings } = readEnv();
const identity = { workerId: randomUUID(), build: workerBuild() };
const logger = createLogger({ program: 'worker', level: configuration.logLevel }).child({
  worker_id: identity.workerId,
});
for (const warning of warnings) logger.warn({ event: 'SS_CONFIGURATION_WARNING' }, warning);
const closing = new Closing();

try {
  const database = await openDatabase('ss_worker', configuration, logger, closing);
  const scope = { actor: { kind: 'worker', id: identity.workerId }, source: 'worker' } as const;
  const queue = new Queue(database, scope, { consumes: true, onError: onConnectionFault(logger) });
  closing.add(() => queue.stop());
  const store = new FolderArtifactStore(configuration.artifactsDir);
  const leaseMs = configuration.queueLeaseTtlSeconds * SECOND;
  const pollMs = configuration.queuePollSeconds * SECOND;
  const worker = new Worker(
    {
      identity,
      runs: new JobRuns(database, queue, scope, leaseMs),
      drafting: new JobDrafting(database, queue, scope, new RulesDrafter()),
      queue,
      execution: new Execution({
        profiles: readCommandProfiles(configuration.commandProfiles),
        limits: { duckdbMemoryBytes: configuration.stepMemoryMb * MIB },
        environment: process.env,
        ...(process.env['PATH'] === undefined ? {} : { path: process.env['PATH'] }),
      }),
      store,
      logger,
    },
    {
      concurrency: configuration.workerConcurrency,
      pollMs,
      leaseMs,
      heartbeatMs: configuration.queueHeartbeatSeconds * SECOND,
      sweepMs: configuration.queueSweepSeconds * SECOND,
      workFolder: resolve(configuration.dataDir, 'work'),
      stepTimeoutMs: configuration.stepTimeoutSeconds * SECOND,
      artifactMaxBytes: ARTIFACT_MAX_BYTES,
    },
  );

  await queue.start();
  const app = await NestFactory.create<NestFastifyApplication>(
    WorkerModule.register({
      database,
      queue,
      store,
      scope,
      lookAges: () => worker.lookAges(),
      maxLookAgeMs: Math.max(30 * SECOND, 5 * pollMs),
    }),
    new FastifyAdapter(),
    { logger: new FrameworkLogger(logger) },
  );
  closing.add(() => app.close());
  await app.listen(configuration.workerPort, configuration.host);

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
      await worker.drain(graceMs, hurry.signal);
      await closing.run();
    },
  });
  // Only now: a worker that claims has to be able to give back what it claimed.
  worker.start();
  logger.info(
    { event: 'SS_WORKER_STARTUP', url: await app.getUrl(), build: identity.build },
    'the worker looks for work',
  );
} catch (error) {
  await failToStart('SS_WORKER', logger, error, closing);
}
