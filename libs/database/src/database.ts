import { PrismaPg } from '@prisma/adapter-pg';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { CommitUnknown, isRefusedByServer, WriteFailed } from './errors.js';
import { causeOf, isTransient, isUnanswered, isUnavailable } from './faults.js';
import { type Prisma, PrismaClient } from './generated/client.js';
import { listen, type Subscription } from './listen.js';
import { Pool } from './pool.js';
import type { ProgramRole } from './roles.js';
import { type Bounds, ENTER_SCOPE, scopeSettings } from './scope-settings.js';
import type { Scope, TenantScope } from './scope.js';
import { transactionSpan } from './transaction-span.js';
import { Tx } from './tx.js';
import { WriteFaults } from './write-faults.js';

export interface DatabaseOptions {
  /** May lead through PgBouncer, in transaction mode. */
  url: string;
  /** Leads past any pooler, for LISTEN; `url` when absent. */
  directUrl?: string;
  /** The role that every transaction takes on, whatever login the URL names. */
  role: ProgramRole;
  applicationName: string;
  poolSize?: number;
  /** Bound on one statement, on the server; the client gives up a little later. */
  statementTimeoutMs?: number;
  connectTimeoutMs?: number;
  /** How often a connection that only listens is asked whether it lives. */
  listenCheckMs?: number;
  /** Called for faults of idle connections, which no caller waits for. */
  onError: (error: Error) => void;
}

const TRANSIENT_ATTEMPTS = 4;
/** A lock that is held for longer than this will not be free soon; the caller learns that rows are busy. */
const MAX_LOCK_MS = 10_000;
/** Between two statements nothing slow happens; a program that stands still for longer gives its rows back. */
const IDLE_IN_TRANSACTION_MS = 10_000;
/** The server ends a statement first; the client gives up when not even that answer comes. */
const ANSWER_MARGIN_MS = 2_000;
const PRISMA_TRANSACTION_MS = 15_000;
/** A probe that takes longer tells the same as one that fails. */
const PROBE_MS = 1_500;
const UNSCOPED: Scope = { actor: { kind: 'anonymous', id: '' }, source: '' };

/** The one way to the database: a pool, transactions with a scope, and notifications. */
export class Database {
  private readonly pool: Pool;
  private readonly prisma: PrismaClient;
  private readonly bounds: Bounds;
  private readonly writeFaults = new WriteFaults();
  /** BEGIN waits for nobody: unanswered for as long as connecting may take, the connection is dead. */
  private readonly begin: { text: string; query_timeout: number };
  private probing: Promise<void> | null = null;

  constructor(private readonly options: DatabaseOptions) {
    const statementMs = options.statementTimeoutMs ?? 15_000;
    const connectTimeoutMs = options.connectTimeoutMs ?? 5_000;
    this.bounds = {
      statementMs,
      lockMs: Math.min(statementMs, MAX_LOCK_MS),
      idleMs: IDLE_IN_TRANSACTION_MS,
    };
    this.begin = { text: 'BEGIN', query_timeout: connectTimeoutMs };
    this.pool = new Pool({
      url: options.url,
      applicationName: options.applicationName,
      size: options.poolSize ?? 10,
      connectTimeoutMs,
      answerTimeoutMs: statementMs + ANSWER_MARGIN_MS,
      onError: options.onError,
    });
    this.prisma = new PrismaClient({ adapter: new PrismaPg(this.pool.pg, { disposeExternalPool: false }) });
  }

  /** Where the database is, with the secret that opens it: for a thread of the same program, and for no log. */
  get urls(): { url: string; directUrl: string } {
    const { url, directUrl = url } = this.options;
    return { url, directUrl };
  }

  /** Runs `work` in one transaction that sees the rows of one tenant. It commits when `work` returns. */
  async transaction<T>(scope: TenantScope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run(this.settings(this.options.role, scope.tenantId, scope), work);
  }

  /**
   * The one door to work that is not one tenant's: claiming, sweeping, reconciling, migration. Only programs
   * whose login may take on the role `ss_system` get through it; the API's may not.
   */
  async acrossTenants<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run(this.settings('ss_system', '', scope), work);
  }

  /**
   * The one door for lifting legacy files into rows: across tenants, and a job may be written in the state in which
   * its file has it. Only logins that may take on the role `ss_migration` get through.
   */
  async migrating<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run(this.settings('ss_migration', '', scope), work);
  }

  /** Runs `work` under the program's role with no tenant set: it sees no tenant's rows. For the queue's own tables. */
  async withoutTenant<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run(this.settings(this.options.role, '', scope), work);
  }

  /** The one door to the rights of the URL's login itself: for an administrator who makes logins. Programs have none. */
  async administering<T>(scope: TenantScope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run(this.settings('none', scope.tenantId, scope), work);
  }

  /** Like {@link transaction}, with Prisma's client: for reads and writes that are not hot. */
  async withPrisma<T>(scope: TenantScope, work: (db: Prisma.TransactionClient) => Promise<T>): Promise<T> {
    return transactionSpan(() => this.runPrisma(scope, work));
  }

  private async runPrisma<T>(
    scope: TenantScope,
    work: (db: Prisma.TransactionClient) => Promise<T>,
  ): Promise<T> {
    const progress = { isWorkDone: false };
    try {
      return await this.prisma.$transaction(
        async (db) => {
          const settings = this.settings(this.options.role, scope.tenantId, scope);
          await db.$executeRawUnsafe(ENTER_SCOPE, ...settings);
          const result = await work(db);
          progress.isWorkDone = true;
          return result;
        },
        { maxWait: this.begin.query_timeout, timeout: PRISMA_TRANSACTION_MS },
      );
    } catch (error) {
      this.note(error);
      // What is left after the work is the COMMIT.
      const isUnknown = progress.isWorkDone && isUnavailable(error) && !isRefusedByServer(error);
      throw isUnknown ? new CommitUnknown(error) : error;
    }
  }

  /**
   * Follows a NOTIFY channel on a connection of its own, which is opened again whenever it breaks. Where
   * notifications cannot be had, `onError` is told once, by a {@link NotListening}.
   */
  listen(
    channel: string,
    onNotify: (payload: string) => void,
    onError: (error: Error) => void = this.options.onError,
  ): Subscription {
    return listen({
      url: this.options.directUrl ?? this.options.url,
      channel,
      onNotify,
      onError,
      ...(this.options.listenCheckMs === undefined ? {} : { checkMs: this.options.listenCheckMs }),
      notify: async (to) => {
        await this.unscoped((tx) => tx.query(`SELECT pg_notify($1, '')`, [to]));
      },
    });
  }

  /**
   * Asks the database whether it takes writes, within two seconds: takes a transaction's number, writes to the log
   * and commits, which a standby, a read-only server and a full disk of the log refuse. Throws when it does not, or
   * when some other write of late was refused for such a cause.
   */
  async ping(): Promise<void> {
    // Probes that come while one is waiting share it: a silent database must not eat up the pool.
    this.probing ??= this.probe().finally(() => (this.probing = null));
    await this.probing;
  }

  /** How many connections are out of the pool; 0 when nobody works. */
  get connectionsInUse(): number {
    return this.pool.inUse;
  }

  /** How the pool is used now; `waiting` are transactions that wait for a connection. */
  get poolUse(): { inUse: number; idle: number; waiting: number } {
    const { idleCount, waitingCount } = this.pool.pg;
    return { inUse: this.pool.inUse, idle: idleCount, waiting: waitingCount };
  }

  /** The login of the URL has rights that the program does not need; empty when it has not. */
  async excessRights(): Promise<string[]> {
    const rows = await this.unscoped((tx) =>
      tx.query<{ superuser: boolean; bypassrls: boolean; owner: boolean }>(
        `SELECT rolsuper AS superuser, rolbypassrls AS bypassrls, pg_has_role(session_user, 'ss_owner', 'MEMBER') AS owner
         FROM pg_roles WHERE rolname = session_user`,
      ),
    );
    return Object.entries(rows[0] ?? {})
      .filter(([, has]) => has)
      .map(([right]) => right);
  }

  async close(): Promise<void> {
    await this.prisma.$disconnect();
    await this.pool.pg.end();
  }

  private settings(role: string, tenantId: string, scope: Scope, bounds = this.bounds): string[] {
    return scopeSettings(bounds, role, tenantId, scope);
  }

  private async probe(): Promise<void> {
    const { recent } = this.writeFaults;
    const [row] = await this.unscoped(
      (tx) =>
        tx.query<{ read_only: string }>(
          `SELECT current_setting('transaction_read_only') AS read_only, pg_current_xact_id()::text,
             pg_logical_emit_message(true, 'ss_probe', '')::text`,
        ),
      { statementMs: PROBE_MS, lockMs: PROBE_MS, idleMs: PROBE_MS },
    ).catch((error: unknown) => {
      const cause = causeOf(error);
      throw cause === 'read_only' || cause === 'disk_full' ? new WriteFailed(cause, error) : error;
    });
    if (row?.read_only === 'on') throw new WriteFailed('read_only');
    if (recent) throw new WriteFailed(recent);
  }

  /** A transaction as the login itself, for what needs no role and may be asked before there are any. */
  private async unscoped<T>(work: (tx: Tx) => Promise<T>, bounds = this.bounds): Promise<T> {
    return this.run(this.settings('none', '', UNSCOPED, bounds), work);
  }

  private async run<T>(settings: string[], work: (tx: Tx) => Promise<T>): Promise<T> {
    return transactionSpan(() => this.runAgain(settings, work));
  }

  /** What two transactions did to each other is solved by trying again. */
  private async runAgain<T>(settings: string[], work: (tx: Tx) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.runOnce(settings, work);
      } catch (error) {
        this.note(error);
        if (!isTransient(error) || attempt === TRANSIENT_ATTEMPTS) throw error;
        await sleep(Math.random() * 20 * 2 ** attempt);
      }
    }
  }

  private async runOnce<T>(settings: string[], work: (tx: Tx) => Promise<T>): Promise<T> {
    const client = await this.pool.pg.connect();
    const connection: { fault?: Error } = {};
    // Nobody else listens while the connection is out of the pool, and an 'error' that nobody hears ends the
    // process. The statement under way, or the next one, tells the caller.
    const onBreak = (fault: Error): void => {
      connection.fault = fault;
    };
    client.on('error', onBreak);
    try {
      await client.query(this.begin);
      await client.query(ENTER_SCOPE, settings);
      const tx = new Tx(client);
      const result = await work(tx);
      // Known to be broken: a COMMIT would not even leave.
      if (connection.fault) throw connection.fault;
      await commit(client);
      tx.tellCommitted();
      return result;
    } catch (error) {
      // A connection that cannot roll back is of no more use; the pool throws it away.
      await client.query('ROLLBACK').catch((fault: unknown) => {
        connection.fault = fault instanceof Error ? fault : new Error('rollback failed', { cause: fault });
      });
      throw error;
    } finally {
      client.release(connection.fault);
      client.off('error', onBreak);
    }
  }

  private note(error: unknown): void {
    this.writeFaults.note(error);
    if (isUnanswered(error)) this.pool.dropIdle();
  }
}

async function commit(client: pg.PoolClient): Promise<void> {
  const { command } = await client.query('COMMIT').catch((error: unknown) => {
    throw isRefusedByServer(error) ? error : new CommitUnknown(error);
  });
  // PostgreSQL answers so, and with no error, where `work` kept the failure of a statement to itself.
  if (command !== 'COMMIT') throw new Error('the transaction was rolled back: a statement in it had failed');
}
