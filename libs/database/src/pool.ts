import pg from 'pg';
import { BoundedClient } from './bounded-client.js';
import { typeParsers } from './instants.js';

export interface PoolSettings {
  url: string;
  applicationName: string;
  size: number;
  connectTimeoutMs: number;
  /** The client's own bound on a statement, for servers that do not answer at all. */
  answerTimeoutMs: number;
  onError: (error: Error) => void;
}

const KEEP_ALIVE_FIRST_MS = 10_000;

/**
 * A pool of {@link BoundedClient}s. It sends no startup parameter but user, database, encoding and program: PgBouncer
 * refuses others, and would not keep them with a transaction.
 */
export class Pool {
  readonly pg: pg.Pool;
  private readonly idle = new Set<pg.PoolClient>();

  constructor(settings: PoolSettings) {
    this.pg = new pg.Pool({
      connectionString: settings.url,
      application_name: settings.applicationName,
      max: settings.size,
      connectionTimeoutMillis: settings.connectTimeoutMs,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_FIRST_MS,
      query_timeout: settings.answerTimeoutMs,
      types: typeParsers,
      Client: BoundedClient,
    });
    this.pg.on('error', settings.onError);
    this.pg.on('acquire', (client) => this.idle.delete(client));
    this.pg.on('release', (_error, client) => this.idle.add(client));
    this.pg.on('remove', (client) => this.idle.delete(client));
  }

  /** How many connections are out: 0 when nobody works. */
  get inUse(): number {
    return this.pg.totalCount - this.pg.idleCount;
  }

  /**
   * Ends every connection that nobody holds. When one is silent, so may be the others that went the same way, and
   * each would cost somebody the whole wait.
   */
  dropIdle(): void {
    for (const client of this.idle) client.connection.stream.destroy();
  }
}
