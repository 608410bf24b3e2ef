import 'reflect-metadata';
import { FolderArtifactStore } from '#artifacts';
import { connectionFor, Database } from '#database';
import { Execution } from '#execution';
import { Drain, onShutdown } from '#health';
import { createLogger } from '#observability';
import { Queue } from '#queue';
import { readCommandProfiles } from './command-profiles.js';
import { createApi } from './create-api.js';
import { readEnv } from './env.js';

/** Longer than any answer should take; orchestrators kill after 30 s by default. */
const SHUTDOWN_BOUND_MS = 25_000;

const { configuration, warnings } = readEnv();
const logger = createLogger({ program: 'api', level: configuration.logLevel });
for (const warning of warnings) logger.warn({ event: 'SS_CONFIGURATION_WARNING' }, warning);

const onError = (error: Error): void => {
  logger.warn({ event: 'SS_DATABASE_CONNECTION_FAULT', err: error }, 'a connection to the database failed');
};
const connection = await connectionFor('ss_api', {
  ...configuration,
  log: (line) => {
    logger.info({ event: 'SS_EMBEDDED_SERVER' }, line);
  },
});
const database = new Database({
  url: connection.url,
  role: 'ss_api',
  applicationName: 'ss-api',
  poolSize: configuration.databasePoolSize,
  statementTimeoutMs: configuration.databaseStatementTimeoutSeconds * 1_000,
  onError,
});
const queue = new Queue(
  database,
  { actor: { kind: 'operator', id: 'api' }, source: 'api' },
  { consumes: false, onError },
);
const excess = await database.excessRights();
if (excess.length > 0) {
  logger.warn(
    { event: 'SS_DATABASE_LOGIN_PRIVILEGED', rights: excess },
    'the login of DATABASE_URL has more rights than the API needs; give it a login that is only a member of ss_api',
  );
}
await queue.start();

const profiles = readCommandProfiles(configuration.commandProfiles);
const app = await createApi(
  {
    database,
    queue,
    store: new FolderArtifactStore(configuration.artifactsDir),
    execution: new Execution(),
    commandProfiles: Object.keys(profiles),
    uploadMaxBytes: configuration.uploadMaxBytes,
    settings: { idempotencyTtlHours: configuration.idempotencyTtlHours },
    logger,
    logLevel: configuration.logLevel,
  },
  configuration.bodyMaxBytes,
);
await app.listen(configuration.apiPort, configuration.host);
logger.info({ event: 'SS_API_STARTUP', url: await app.getUrl() }, 'the API answers');

onShutdown({
  events: 'SS_API',
  logger,
  boundMs: SHUTDOWN_BOUND_MS,
  close: async () => {
    app.get(Drain).begin();
    await app.close();
    await queue.stop();
    await database.close();
    await connection.release();
  },
});
