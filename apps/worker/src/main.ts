import 'reflect-metadata';
import { FolderArtifactStore } from '#artifacts';
import { connectionFor, Database } from '#database';
import { RulesDrafter } from '#drafting';
import { Execution, parseCommandProfiles } from '#execution';
import { Drain, onShutdown } from '#health';
import { JobDrafting, JobRuns } from '#jobs';
import { createLogger, FrameworkLogger } from '#observability';
import { Queue } from '#queue';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { workerBuild } from './build.js';
import { DraftHandler } from './draft.handler.js';
import { readEnv } from './env.js';
import { LeaseKeeper } from './lease-keeper.js';
import { RunHandler } from './run.handler.js';
import { SlotLoop } from './slot-loop.js';
import { Sweeper } from './sweeper.js';
import { WorkerModule } from './worker.module.js';

/** What is left after the grace: ending the children, settling, closing. */
const CLOSING_MS = 15_000;
const DRAFT_SLOTS = 1;
const ARTIFACT_MAX_BYTES = 4 * 1024 ** 3;
const MIB = 1024 ** 2;

const { configuration, warnings } = readEnv();
const worker = { workerId: randomUUID(), build: workerBuild() };
const logger = createLogger({ program: 'worker', level: configuration.logLevel }).child({ worker_id: worker.workerId });
for (const warning of warnings) logger.warn({ event: 'SS_CONFIGURATION_WARNING' }, warning);

const onError = (error: Error): void => {
  logger.warn({ event: 'SS_DATABASE_CONNECTION_FAULT', err: error }, 'a connection to the database failed');
};
const connection = await connectionFor('ss_worker', {
  ...configuration,
  log: (line) => {
    logger.info({ event: 'SS_EMBEDDED_SERVER' }, line);
  },
});
const database = new Database({
  url: connection.url,
  role: 'ss_worker',
  applicationName: 'ss-worker',
  poolSize: configuration.databasePoolSize,
  statementTimeoutMs: configuration.databaseStatementTimeoutSeconds * 1_000,
  onError,
});
const scope = { actor: { kind: 'worker', id: worker.workerId }, source: 'worker' } as const;
const excess = await database.excessRights();
if (excess.length > 0) {
  logger.warn(
    { event: 'SS_DATABASE_LOGIN_PRIVILEGED', rights: excess },
    'the login of DATABASE_URL has more rights than a worker needs; give it a login that is only a member of ss_worker',
  );
}
const queue = new Queue(database, scope, { consumes: true, onError });
const store = new FolderArtifactStore(configuration.artifactsDir);
const execution = new Execution({
  profiles:
    configuration.commandProfiles === null
      ? {}
      : parseCommandProfiles(JSON.parse(readFileSync(configuration.commandProfiles, 'utf8'))),
  limits: { duckdbMemoryBytes: configuration.stepMemoryMb * MIB },
  environment: process.env,
  ...(process.env['PATH'] === undefined ? {} : { path: process.env['PATH'] }),
});

const runs = new JobRuns(database, queue, scope, configuration.queueLeaseTtlSeconds * 1_000);
const leases = new LeaseKeeper(
  runs,
  configuration.queueHeartbeatSeconds * 1_000,
  configuration.queueLeaseTtlSeconds * 1_000,
  logger,
);
const sweeper = new Sweeper(runs, configuration.queueSweepSeconds * 1_000, logger);
const runHandler = new RunHandler(
  runs,
  execution,
  store,
  leases,
  {
    workFolder: resolve(join(configuration.dataDir, 'work')),
    stepTimeoutMs: configuration.stepTimeoutSeconds * 1_000,
    artifactMaxBytes: ARTIFACT_MAX_BYTES,
  },
  logger,
);
const draftHandler = new DraftHandler(new JobDrafting(database, queue, scope, new RulesDrafter()), logger);

const pollMs = configuration.queuePollSeconds * 1_000;
const runLoop = new SlotLoop({
  name: 'job.run',
  slots: configuration.workerConcurrency,
  pollMs,
  take: (max) => runs.claim(worker, max),
  carryOut: (run) => runHandler.carryOut(run),
  logger,
});
const draftLoop = new SlotLoop({
  name: 'job.draft',
  slots: DRAFT_SLOTS,
  pollMs,
  take: async () => {
    const message = await queue.hold('job.draft');
    return message ? [message] : [];
  },
  carryOut: (message) => draftHandler.carryOut(message),
  logger,
});
queue.onWake('job.run', () => {
  runLoop.wake();
});
queue.onWake('job.draft', () => {
  draftLoop.wake();
});

await queue.start();
const app = await NestFactory.create<NestFastifyApplication>(
  WorkerModule.register({
    database,
    queue,
    store,
    scope,
    lookAges: () => ({ [runLoop.name]: runLoop.msSinceLastLook, [draftLoop.name]: draftLoop.msSinceLastLook }),
    maxLookAgeMs: Math.max(30_000, 5 * pollMs),
  }),
  new FastifyAdapter(),
  { logger: new FrameworkLogger(logger) },
);
await app.listen(configuration.workerPort, configuration.host);
leases.start();
sweeper.start();
runLoop.start();
draftLoop.start();
logger.info({ event: 'SS_WORKER_STARTUP', url: await app.getUrl(), build: worker.build }, 'the worker looks for work');

const graceMs = configuration.workerShutdownGraceSeconds * 1_000;
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
    sweeper.stop();
    const drained = Promise.all([runLoop.stop(), draftLoop.stop()]);
    logger.info({ event: 'SS_WORKER_DRAINING', runs: runLoop.busySlots, grace_ms: graceMs }, 'no more claims');
    await Promise.race([drained, sleep(graceMs, undefined, { signal: hurry.signal }).catch(() => undefined)]);
    if (runLoop.busySlots > 0) {
      logger.warn({ event: 'SS_WORKER_INTERRUPTING', runs: runLoop.busySlots }, 'ending what is still running');
    }
    leases.interruptAll();
    draftHandler.interruptAll();
    await drained;
    leases.stop();
    await app.close();
    await queue.stop();
    await database.close();
    await connection.release();
  },
});
