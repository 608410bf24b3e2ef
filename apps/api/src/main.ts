import 'reflect-metadata';
import { openArtifactStore } from '#artifacts';
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
import { createLogger, logLookOf, LogThreshold, startTracing } from '#observability';
import { Queue } from '#queue';
import { TargetPolicy } from '#webhooks';
import { ApiShutdown, CLOSING_MS } from './api-shutdown.js';
import { createApi } from './create-api.js';
import { readEnv } from './env.js';
import { toEdgeSettings } from './http/edge-settings.js';
import { InFlight } from './http/in-flight.js';
import { openLegacyJobs } from './legacy/open-legacy-jobs.js';
import { openAccess } from './open-access.js';
import { toApiSettings, toUploadSettings } from './settings.js';
import { PartialFiles } from './uploads/partial-files.js';
import { sweepingUploads } from './uploads/sweeping-uploads.js';
import { ApiVersions } from './versions/api-versions.js';
import { releasedVersions } from './versions/released-versions.js';

const SECOND = 1_000;

const { configuration, warnings } = readEnv();
const threshold = new LogThreshold(configuration.logLevel);
const look = logLookOf(configuration.logFormat, process.stdout.isTTY, process.env);
const logger = createLogger({ program: 'api', level: threshold, look });
for (const warning of warnings) logger.warn({ event: 'SS_CONFIGURATION_WARNING' }, warning);
const closing = new Closing();
const tracing = await startTracing({
  service: 'ss-api',
  environment: process.env,
  file: readDotEnv('.env'),
  logger,
});
// First, so that it ends last.
closing.add(() => tracing.stop());

try {
  const database = await openDatabase('ss_api', configuration, logger, closing);
  const scope = { actor: { kind: 'operator', id: 'api' }, source: 'api' } as const;
  const levels = new LogLevelFollower({ database, scope, targets: ['api'], threshold, logger });
  closing.add(() => levels.stop());
  levels.start();
  const queue = new Queue(database, scope, {
    consumes: false,
    onError: onConnectionFault(logger),
  });
  closing.add(() => queue.stop());
  await queue.start();

  const profiles = readCommandProfiles(configuration.commandProfiles);
  const store = await openArtifactStore(configuration);
  const app = await createApi(
    {
      database,
      queue,
      store,
      webhookTargets: new TargetPolicy(configuration.webhooksPrivateNetworks),
      legacy: await openLegacyJobs(configuration, store, logger, closing),
      execution: new Execution(),
      ...openAccess(configuration, database, logger, closing),
      commandProfiles: Object.keys(profiles),
      uploadMaxBytes: configuration.uploadMaxBytes,
      uploads: toUploadSettings(configuration),
      settings: toApiSettings(configuration),
      versions: new ApiVersions(releasedVersions(configuration)),
      servesMetrics: isOnOwnPort(configuration),
      logger,
    },
    toEdgeSettings(configuration),
  );
  closing.add(() => app.close());
  closing.add(await sweepingUploads(app.get(PartialFiles), logger));
  await app.listen(configuration.apiPort, configuration.host);
  tellSurroundings(database, store);
  const metricsServer = await openMetricsServer('api', configuration);
  if (metricsServer) closing.add(() => metricsServer.close());
  const delayMs = configuration.apiShutdownDelaySeconds * SECOND;
  const graceMs = configuration.apiShutdownGraceSeconds * SECOND;
  const inFlight = app.get(InFlight);
  const shutdown = new ApiShutdown(app, app.get(Drain), inFlight, logger, { delayMs, graceMs });
  onShutdown({
    events: 'SS_API',
    logger,
    boundMs: delayMs + graceMs + CLOSING_MS,
    requested: () => ({ in_flight: inFlight.count, delay_ms: delayMs, grace_ms: graceMs }),
    hurry: () => {
      shutdown.hurry();
    },
    close: () => shutdown.close(closing),
  });
  app.get(Startup).setComplete();
  // Last: whoever reads this may ask the program to leave, in order, at once.
  logger.info(
    { event: 'SS_API_STARTUP', url: await app.getUrl(), metrics_url: metricsServer?.url },
    'the API answers',
  );
} catch (error) {
  await failToStart('SS_API', logger, error, closing);
}
