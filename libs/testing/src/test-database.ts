import { Database, type ProgramRole, programUrl } from '#database';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { eventually } from './eventually.js';
import { type Role, Session } from './session.js';
import { migratedTemplate } from './template.js';
import { pooledUrl, serverUrl, withClient } from './test-server.js';

/** A database of one test file: migrated, with its queues, and empty. */
export class TestDatabase {
  private readonly opened = new Map<ProgramRole, Database>();
  private superuser: pg.Client | null = null;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly name: string,
    /** The superuser's: what `schema deploy` is given. */
    readonly ownerUrl: string,
    private readonly directUrls: Readonly<Record<ProgramRole, string>>,
    private readonly programUrls = mapUrls(directUrls, pooledUrl),
  ) {}

  static async create(): Promise<TestDatabase> {
    const template = await migratedTemplate();
    const name = `ss_test_${randomBytes(6).toString('hex')}`;
    await withClient(serverUrl('postgres'), (client) =>
      client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`),
    );
    return new TestDatabase(name, serverUrl(name), {
      ss_api: await loginUrl('ss_api', name),
      ss_worker: await loginUrl('ss_worker', name),
      ss_operator: await loginUrl('ss_operator', name),
      ss_migration: await loginUrl('ss_migration', name),
    });
  }

  get apiUrl(): string {
    return this.programUrls.ss_api;
  }

  get workerUrl(): string {
    return this.programUrls.ss_worker;
  }

  get operatorUrl(): string {
    return this.programUrls.ss_operator;
  }

  get migrationUrl(): string {
    return this.programUrls.ss_migration;
  }

  /** The logins of the programs, past any pooler. */
  get logins(): string[] {
    return Object.values(this.directUrls);
  }

  /** The same database, as programs see it by another way: through a pooler, through a bad network. */
  through(change: (url: string) => string): TestDatabase {
    return new TestDatabase(this.name, this.ownerUrl, this.directUrls, mapUrls(this.directUrls, change));
  }

  /** The database as a program has it: by a login that owns nothing. The same one for every call. */
  database(role: ProgramRole): Database {
    const open = this.opened.get(role);
    if (open) return open;
    const database = new Database({
      url: this.programUrls[role],
      directUrl: this.directUrls[role],
      role,
      applicationName: `${role}-in-test`,
      // Connections that a test breaks on purpose are no news; what matters reaches the caller as a rejection.
      onError: () => undefined,
    });
    this.opened.set(role, database);
    return database;
  }

  /** As an operator has it who may make logins: by the owner's URL. Whoever asks closes it. */
  administrator(): Database {
    return new Database({
      url: this.ownerUrl,
      role: 'ss_operator',
      applicationName: 'ssctl-in-test',
      poolSize: 2,
      onError: () => undefined,
    });
  }

  /** Plain SQL as the superuser: to look at what is there, behind every policy and right. */
  async sql<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.inTurn(async (client) => (await client.query<Row>(text, values)).rows);
  }

  /** Puts a row there as it is: no guard fires, no audit row is written. Columns that are left out get their default. */
  async put<Row extends pg.QueryResultRow>(
    table: string,
    row: Readonly<Record<string, unknown>>,
  ): Promise<Row> {
    const columns = Object.keys(row)
      .map((name) => pg.escapeIdentifier(name))
      .join(', ');
    const target = pg.escapeIdentifier(table);
    const insert = `INSERT INTO ${target} (${columns})
      SELECT ${columns} FROM jsonb_populate_record(NULL::${target}, $1)
      RETURNING to_jsonb(${target}) AS row`;
    return this.inTurn(async (client) => {
      await client.query('SET session_replication_role = replica');
      try {
        return (await client.query<{ row: Row }>(insert, [JSON.stringify(row)])).rows[0]!.row;
      } finally {
        await client.query('RESET session_replication_role');
      }
    });
  }

  /** A transaction that is never committed, as a program by its own login, or as the owner. */
  async session(role: Role, tenantId: string | null = null): Promise<Session> {
    if (role === 'ss_owner') return Session.open(this.ownerUrl, role, tenantId);
    return Session.open(this.programUrls[role === 'ss_system' ? 'ss_worker' : role], role, tenantId);
  }

  /** Resolves when somebody in this database waits for a lock. */
  async untilBlocked(): Promise<void> {
    await eventually(async () => {
      const waiting = await this.sql(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return waiting.length > 0;
    });
  }

  async drop(): Promise<void> {
    await this.close();
    await withClient(serverUrl('postgres'), (client) =>
      client.query(`DROP DATABASE ${this.name} WITH (FORCE)`),
    );
  }

  /** Closes what was opened here, and leaves the database. */
  async close(): Promise<void> {
    await Promise.all([...this.opened.values()].map((database) => database.close()));
    this.opened.clear();
    await this.superuser?.end();
    this.superuser = null;
  }

  /** One connection for all who build and look: each has it to itself. */
  private async inTurn<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const turn = this.last.then(async () => work((this.superuser ??= await connect(this.ownerUrl))));
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

/** A database for one test file, cloned from the migrated template in a tenth of a second. */
export function testDatabase(): Promise<TestDatabase> {
  return TestDatabase.create();
}

/** A database with nothing in it: for what makes the schema. */
export async function emptyDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `ss_empty_${randomBytes(6).toString('hex')}`;
  await withClient(serverUrl('postgres'), (client) => client.query(`CREATE DATABASE ${name}`));
  const drop = async (): Promise<void> => {
    await withClient(serverUrl('postgres'), (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
  };
  return { url: serverUrl(name), drop };
}

async function loginUrl(role: ProgramRole, name: string): Promise<string> {
  const url = new URL(await programUrl(serverUrl('postgres'), role));
  url.pathname = `/${name}`;
  return url.toString();
}

function mapUrls(
  urls: Readonly<Record<ProgramRole, string>>,
  change: (url: string) => string,
): Readonly<Record<ProgramRole, string>> {
  return {
    ss_api: change(urls.ss_api),
    ss_worker: change(urls.ss_worker),
    ss_operator: change(urls.ss_operator),
    ss_migration: change(urls.ss_migration),
  };
}

/** Whole numbers as numbers, instants as the text that the database wrote. */
async function connect(url: string): Promise<pg.Client> {
  const types = new pg.TypeOverrides();
  types.setTypeParser(20, (text: string): number => Number(text));
  types.setTypeParser(1184, (text: string): string => text);
  const client = new pg.Client({
    connectionString: url,
    application_name: 'ss-testing',
    options: '-c TimeZone=UTC',
    types,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
