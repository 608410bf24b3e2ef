import { causeOf, connectionFor, Database, NotListening, type ProgramRole } from '#database';
import type { Logger } from '#observability';
import type { Closing } from './starting.js';
import { whenReachable } from './when-reachable.js';

export interface DatabaseSettings {
  databaseUrl: string | null;
  databaseDirectUrl: string | null;
  dataDir: string;
  databasePoolSize: number;
  databaseStatementTimeoutSeconds: number;
  /** How long to wait for a database that does not answer. */
  databaseWaitSeconds: number;
}

/** Opens a program's database, and says so when its login may do more than the program needs. */
export async function openDatabase(
  role: ProgramRole,
  settings: DatabaseSettings,
  logger: Logger,
  closing: Closing,
): Promise<Database> {
  const connection = await connectionFor(role, {
    ...settings,
    log: (line) => {
      logger.info({ event: 'SS_EMBEDDED_SERVER' }, line);
    },
  });
  closing.add(() => connection.release());
  const database = new Database({
    url: connection.url,
    directUrl: connection.directUrl,
    role,
    applicationName: role.replace('_', '-'),
    poolSize: settings.databasePoolSize,
    statementTimeoutMs: settings.databaseStatementTimeoutSeconds * 1_000,
    onError: onConnectionFault(logger),
  });
  closing.add(() => database.close());
  const excess = await whenReachable(() => database.excessRights(), {
    boundMs: settings.databaseWaitSeconds * 1_000,
    logger,
  });
  if (excess.length > 0) {
    logger.warn(
      { event: 'SS_DATABASE_LOGIN_PRIVILEGED', rights: excess },
      `the login of DATABASE_URL has more rights than this program needs; give it one that is only a member of ${role}`,
    );
  }
  return database;
}

/** What becomes of faults that no caller waits for: connections heal by themselves. */
export function onConnectionFault(logger: Logger): (error: Error) => void {
  return (error) => {
    if (error instanceof NotListening) {
      const { channel } = error;
      logger.warn(
        { event: 'SS_DATABASE_NOT_LISTENING', channel, cause: causeOf(error.cause) ?? 'failed' },
        `${error.message}. Work is found by polling meanwhile`,
      );
      return;
    }
    logger.warn({ event: 'SS_DATABASE_CONNECTION_FAULT', err: error }, 'a connection to the database failed');
  };
}
