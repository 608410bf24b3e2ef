import { openArtifactStore } from '#artifacts';
import type { Configuration } from '#configuration';
import { Database } from '#database';
import { JobImport } from '#migration';
import { createLogger, type Logger, logLookOf } from '#observability';
import { Queue } from '#queue';
import { destination } from 'pino';
import type { Deployment } from './deployment.js';
import { operatorScope } from './deployment.js';
import { say } from './terminal.js';

/** What lifting needs: a wider pool than other commands, the queue, and the artifact store. */
export async function withImport<T>(
  deployment: Deployment,
  configuration: Configuration<'ssctl'>,
  concurrency: number,
  work: (jobs: JobImport, database: Database) => Promise<T>,
): Promise<T> {
  const onError = (error: Error): void => {
    say(`a connection to the database failed: ${error.message}`);
  };
  const database = new Database({
    url: deployment.ownerUrl,
    role: 'ss_operator',
    applicationName: 'ssctl-migrate',
    poolSize: concurrency + 2,
    // A chunk is one transaction; a statement in it may be of a thousand jobs.
    statementTimeoutMs: Math.max(60_000, configuration.databaseStatementTimeoutSeconds * 1_000),
    onError,
  });
  const queue = new Queue(database, operatorScope(), { consumes: false, onError });
  try {
    await queue.start();
    const store = await openArtifactStore(configuration);
    return await work(
      new JobImport(database, queue, store, operatorScope(), eventLog(configuration)),
      database,
    );
  } finally {
    await queue.stop().catch(() => undefined);
    await database.close();
  }
}

/** Events go to standard error, for a collector; a person at a terminal has the progress bar there. */
function eventLog(configuration: Configuration<'ssctl'>): Logger {
  const level = process.stderr.isTTY ? 'warn' : configuration.logLevel;
  const look = logLookOf(configuration.logFormat, process.stderr.isTTY, process.env);
  return createLogger({ program: 'ssctl', level, look }, destination({ fd: 2, sync: false }));
}
