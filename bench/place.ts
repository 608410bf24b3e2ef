import { Database, deploySchema, EmbeddedServer, programUrl, type ProgramRole, type Scope } from '#database';
import { deployQueues, Queue } from '#queue';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

/** Who acts in a benchmark, where nobody else is named. */
export const SCOPE: Scope = { actor: { kind: 'operator', id: 'bench' }, source: 'bench' };

const SCRATCH = join(import.meta.dirname, '../../.ss');

export function onError(error: Error): void {
  process.stderr.write(`${error.message}\n`);
}

/** A server of its own and a folder, for as long as one benchmark runs. */
export class BenchPlace {
  private readonly databases: BenchDatabase[] = [];

  private constructor(
    readonly folder: string,
    private readonly server: EmbeddedServer,
  ) {}

  static async open(bench: string): Promise<BenchPlace> {
    await mkdir(SCRATCH, { recursive: true });
    const folder = await mkdtemp(join(SCRATCH, `bench-${bench}-`));
    return new BenchPlace(folder, await EmbeddedServer.start({ dataDir: join(folder, 'data') }));
  }

  /** A fresh database, with schema and queues. */
  async newDatabase(name: string): Promise<BenchDatabase> {
    const client = new pg.Client({ connectionString: this.server.url });
    await client.connect();
    await client.query(`CREATE DATABASE ${name}`);
    await client.end();
    const url = new URL(this.server.url);
    url.pathname = `/${name}`;
    await deploySchema(url.toString());
    await deployQueues(url.toString());
    const made = await BenchDatabase.open(url.toString());
    this.databases.push(made);
    return made;
  }

  async close(): Promise<void> {
    await Promise.all(this.databases.map((database) => database.close()));
    await this.server.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** One database: as its owner, and as the programs have it. */
export class BenchDatabase {
  private readonly opened: Database[] = [];

  private constructor(
    readonly ownerUrl: string,
    /** The superuser's: for rows that are put there, and for what is looked at. */
    readonly owner: pg.Client,
    readonly apiUrl: string,
    readonly workerUrl: string,
    readonly operatorUrl: string,
  ) {}

  static async open(ownerUrl: string): Promise<BenchDatabase> {
    const owner = new pg.Client({ connectionString: ownerUrl });
    await owner.connect();
    const [apiUrl, workerUrl, operatorUrl] = [
      await programUrl(ownerUrl, 'ss_api'),
      await programUrl(ownerUrl, 'ss_worker'),
      await programUrl(ownerUrl, 'ss_operator'),
    ];
    return new BenchDatabase(ownerUrl, owner, apiUrl, workerUrl, operatorUrl);
  }

  database(role: Exclude<ProgramRole, 'ss_migration'>, poolSize: number): Database {
    const url = { ss_api: this.apiUrl, ss_worker: this.workerUrl, ss_operator: this.operatorUrl }[role];
    const options = { applicationName: 'bench', poolSize, statementTimeoutMs: 120_000, onError };
    const database = new Database({ url, role, ...options });
    this.opened.push(database);
    return database;
  }

  /** Runs `work` with a queue on this database. */
  async withQueue<T>(database: Database, work: (queue: Queue) => Promise<T>): Promise<T> {
    const queue = new Queue(database, SCOPE, { consumes: false, onError });
    await queue.start();
    try {
      return await work(queue);
    } finally {
      await queue.stop();
    }
  }

  /** Closes what was opened. Once is enough, twice does no harm. */
  async close(): Promise<void> {
    await Promise.all(this.opened.splice(0).map((database) => database.close()));
    await this.owner.end();
  }
}
