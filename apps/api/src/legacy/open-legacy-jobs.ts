import type { ArtifactStore } from '#artifacts';
import type { Configuration } from '#configuration';
import { type Closing, onConnectionFault, openDatabase } from '#health';
import { JobImport, ReadThrough } from '#migration';
import type { Logger } from '#observability';
import { Queue } from '#queue';
import { LegacyJobs } from './legacy-jobs.js';

const SCOPE = { actor: { kind: 'migration', id: 'read-through' }, source: 'api' } as const;
const POOL_SIZE = 4;

/**
 * Opens the legacy tree that SS_LEGACY_JOBS_DIR names, with a login of its own: the API's may not write a job in a
 * finished state, and shall not.
 */
export async function openLegacyJobs(
  configuration: Configuration<'api'>,
  store: ArtifactStore,
  logger: Logger,
  closing: Closing,
): Promise<LegacyJobs> {
  const { legacyJobsDir, migrationDatabaseUrl, databaseUrl } = configuration;
  if (legacyJobsDir === null) return new LegacyJobs(null);
  const settings = {
    ...configuration,
    databaseUrl: migrationDatabaseUrl ?? databaseUrl,
    databasePoolSize: POOL_SIZE,
  };
  const database = await openDatabase('ss_migration', settings, logger, closing);
  const queue = new Queue(database, SCOPE, { consumes: false, onError: onConnectionFault(logger) });
  closing.add(() => queue.stop());
  await queue.start();
  const jobs = new JobImport(database, queue, store, SCOPE, logger);
  logger.info({ event: 'SS_LEGACY_READ_THROUGH' }, 'jobs without rows are looked up in the legacy tree');
  return new LegacyJobs(new ReadThrough(database, jobs, SCOPE, legacyJobsDir));
}
