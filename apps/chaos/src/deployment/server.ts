import { EmbeddedServer } from '#database';
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../waiting.js';

type Row = Record<string, unknown>;

const GONE_MS = 30_000;
/** Of what the checks ask; a fault's own sessions say their own. */
const STATEMENT_MS = 20_000;

/** A PostgreSQL of the chaos program's own, with its data on disk: it may be crashed, stopped and started again. */
export class Server {
  private pool: pg.Pool;
  private postmaster = 0;

  private constructor(
    private readonly dataDir: string,
    private embedded: EmbeddedServer,
  ) {
    this.pool = this.openPool();
    process.on('exit', this.kill);
  }

  static async start(dataDir: string): Promise<Server> {
    const server = new Server(dataDir, await EmbeddedServer.start({ dataDir }));
    await server.lookAtPostmaster();
    return server;
  }

  /** The superuser's address. */
  get url(): string {
    return this.embedded.url;
  }

  /** Plain SQL as the superuser, past every policy: for looking, and for harm that only an operator can do. */
  async sql<R extends Row>(text: string, values: unknown[] = []): Promise<R[]> {
    return (await this.pool.query<R>(text, values)).rows;
  }

  /** A session of its own, for locks that are held. The caller ends it. */
  async session(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url, application_name: 'chaos-session' });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** `pg_ctl stop -m immediate`: no farewell, nothing flushed; the next start replays the log. */
  async crash(): Promise<void> {
    await this.end('SIGQUIT');
  }

  /** `pg_ctl stop -m fast`: every session is ended, everything flushed. */
  async stop(): Promise<void> {
    await this.end('SIGINT');
  }

  /** Starts again, on the same port; returns when it answers. Nothing happens when it runs. */
  async start(): Promise<void> {
    if (this.isRunning) return;
    const { port } = this.embedded;
    await this.embedded.stop();
    this.embedded = await EmbeddedServer.start({ dataDir: this.dataDir });
    if (this.embedded.port !== port)
      throw new Error('somebody else took the port of the server while it was down');
    this.pool = this.openPool();
    await this.lookAtPostmaster();
  }

  get isRunning(): boolean {
    try {
      process.kill(this.postmaster, 0);
      return this.postmaster !== 0;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    await this.pool.end().catch(() => undefined);
    await this.embedded.stop();
    process.off('exit', this.kill);
  }

  private readonly kill = (): void => {
    if (this.isRunning) process.kill(this.postmaster, 'SIGQUIT');
  };

  private async end(signal: 'SIGQUIT' | 'SIGINT'): Promise<void> {
    const { pool } = this;
    process.kill(this.postmaster, signal);
    if ((await within(GONE_MS, () => !this.isRunning)) === null) throw new Error('the server did not stop');
    // What the pool held is broken now; a promise of it that never ends must hold nobody.
    await Promise.race([pool.end().catch(() => undefined), sleep(1_000)]);
  }

  private openPool(): pg.Pool {
    const pool = new pg.Pool({
      connectionString: this.url,
      application_name: 'chaos',
      max: 3,
      connectionTimeoutMillis: 5_000,
      statement_timeout: STATEMENT_MS,
      query_timeout: STATEMENT_MS + 1_000,
    });
    pool.on('error', () => undefined);
    return pool;
  }

  private async lookAtPostmaster(): Promise<void> {
    const [row] = await this.sql<{ pid: string }>(
      `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`,
    );
    this.postmaster = Number(row?.pid);
  }
}
