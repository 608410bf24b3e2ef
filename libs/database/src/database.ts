import { PrismaPg } from '@prisma/adapter-pg';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { isTransient } from './errors.js';
import { type Prisma, PrismaClient } from './generated/client.js';
import { typeParsers } from './instants.js';
import { listen, type Subscription } from './listen.js';
import type { ProgramRole } from './roles.js';
import type { Scope, TenantScope } from './scope.js';
import { Tx } from './tx.js';

export interface DatabaseOptions {
  url: string;
  /** The role that every transaction takes on, whatever login the URL names. */
  role: ProgramRole;
  applicationName: string;
  poolSize?: number;
  /** Bound on one statement, on the server; the client gives up a little later. */
  statementTimeoutMs?: number;
  connectTimeoutMs?: number;
  /** Called for faults of idle connections, which no caller waits for. */
  onError: (error: Error) => void;
}

const TRANSIENT_ATTEMPTS = 4;

/**
 * Opens a transaction and tells it, in one statement, under which role and for whom it works. Local to the
 * transaction, so that a connection given back (or shared through PgBouncer) carries nothing over.
 */
const ENTER_SCOPE = `
  SELECT set_config('role', $1, true), set_config('ss.tenant_id', $2, true),
    set_config('ss.actor_kind', $3, true), set_config('ss.actor_id', $4, true),
    set_config('ss.source', $5, true), set_config('ss.request_id', $6, true), set_config('ss.reason', $7, true)`;

function scopeSettings(role: string, tenantId: string, scope: Scope): string[] {
  return [
    role,
    tenantId,
    scope.actor.kind,
    scope.actor.id,
    scope.source,
    scope.requestId ?? '',
    scope.reason ?? '',
  ];
}

/** The one way to the database: a pool, transactions with a scope, and notifications. */
export class Database {
  private readonly pool: pg.Pool;
  private readonly prisma: PrismaClient;

  constructor(private readonly options: DatabaseOptions) {
    const statementTimeoutMs = options.statementTimeoutMs ?? 15_000;
    this.pool = new pg.Pool({
      connectionString: options.url,
      application_name: options.applicationName,
      max: options.poolSize ?? 10,
      connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      statement_timeout: statementTimeoutMs,
      lock_timeout: Math.min(statementTimeoutMs, 10_000),
      idle_in_transaction_session_timeout: 30_000,
      query_timeout: statementTimeoutMs + 2_000,
      options: '-c TimeZone=UTC',
      types: typeParsers,
    });
    this.pool.on('error', options.onError);
    this.prisma = new PrismaClient({ adapter: new PrismaPg(this.pool, { disposeExternalPool: false }) });
  }

  /** Where the database is, with the secret that opens it: for a thread of the same program, and for no log. */
  get url(): string {
    return this.options.url;
  }

  /** Runs `work` in one transaction that sees the rows of one tenant. It commits when `work` returns. */
  async transaction<T>(scope: TenantScope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run(scopeSettings(this.options.role, scope.tenantId, scope), work);
  }

  /**
   * The one door to work that is not one tenant's: claiming, sweeping, reconciling, migration. Only programs
   * whose login may take on the role `ss_system` get through it; the API's may not.
   */
  async acrossTenants<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run(scopeSettings('ss_system', '', scope), work);
  }

  /** Runs `work` under the program's role with no tenant set: it sees no tenant's rows. For the queue's own tables. */
  async withoutTenant<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run(scopeSettings(this.options.role, '', scope), work);
  }

  /** Like {@link transaction}, with Prisma's client: for reads and writes that are not hot. */
  async withPrisma<T>(scope: TenantScope, work: (db: Prisma.TransactionClient) => Promise<T>): Promise<T> {
    return this.prisma.$transaction(
      async (db) => {
        await db.$executeRawUnsafe(ENTER_SCOPE, ...scopeSettings(this.options.role, scope.tenantId, scope));
        return work(db);
      },
      { maxWait: 5_000, timeout: 15_000 },
    );
  }

  /** Follows a NOTIFY channel on a connection of its own, which is opened again whenever it breaks. */
  listen(channel: string, onNotify: (payload: string) => void): Subscription {
    return listen({ url: this.options.url, channel, onNotify, onError: this.options.onError });
  }

  /** Asks the database for an answer within the connect timeout. Throws when there is none. */
  async ping(): Promise<void> {
    await this.pool.query('SELECT 1');
  }

  /** The login of the URL has rights that the program does not need; empty when it has not. */
  async excessRights(): Promise<string[]> {
    const { rows } = await this.pool.query<{ superuser: boolean; bypassrls: boolean; owner: boolean }>(
      `SELECT rolsuper AS superuser, rolbypassrls AS bypassrls, pg_has_role(session_user, 'ss_owner', 'MEMBER') AS owner
       FROM pg_roles WHERE rolname = session_user`,
    );
    return Object.entries(rows[0] ?? {})
      .filter(([, has]) => has)
      .map(([right]) => right);
  }

  async close(): Promise<void> {
    await this.prisma.$disconnect();
    await this.pool.end();
  }

  private async run<T>(settings: string[], work: (tx: Tx) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.runOnce(settings, work);
      } catch (error) {
        if (!isTransient(error) || attempt === TRANSIENT_ATTEMPTS) throw error;
        await sleep(Math.random() * 20 * 2 ** attempt);
      }
    }
  }

  private async runOnce<T>(settings: string[], work: (tx: Tx) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    // Nobody else listens while the connection is out of the pool, and an 'error' that nobody hears ends the
    // process. The statement under way, or the next one, tells the caller.
    const onBreak = (fault: Error): void => {
      broken = fault;
    };
    client.on('error', onBreak);
    try {
      await client.query('BEGIN');
      await client.query(ENTER_SCOPE, settings);
      const result = await work(new Tx(client));
      const { command } = await client.query('COMMIT');
      // PostgreSQL answers so, and with no error, where `work` kept the failure of a statement to itself.
      if (command !== 'COMMIT')
        throw new Error('the transaction was rolled back: a statement in it had failed');
      return result;
    } catch (error) {
      // A connection that cannot roll back is of no more use; the pool throws it away.
      await client.query('ROLLBACK').catch((fault: unknown) => {
        broken = fault instanceof Error ? fault : new Error('rollback failed', { cause: fault });
      });
      throw error;
    } finally {
      client.release(broken);
      client.off('error', onBreak);
    }
  }
}
