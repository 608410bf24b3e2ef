import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import type { Database } from './database.js';
import { SchemaMismatch } from './errors.js';
import { ensureRoles } from './roles.js';
import type { Scope } from './scope.js';

/** What the folder and the database say of each other; names in the order in which they apply. */
export interface SchemaStatus {
  applied: string[];
  pending: string[];
  /** Applied once, and the file is another now: nobody knows what the database holds. */
  changed: string[];
  /** Applied, but not in this release's folder: the database is ahead. */
  unknown: string[];
  /** Began and did not end; a person has to look. */
  failed: string[];
}

interface MigrationFile {
  name: string;
  sql: string;
  checksum: string;
  /** The oldest schema migration that a release must have to work with the database from here on. */
  needs: string | null;
}

interface AppliedRow extends pg.QueryResultRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
  logs: string | null;
}

/**
 * A line in a file that ends the time of older releases: `-- needs: 20261123160700_keep_storage_limit`. It is kept with
 * the applied row, in a column that Prisma writes for failures alone, since older releases do not have the file.
 */
const NEEDS = /^(?:-- )?needs: (\S+)$/m;

function needsIn(text: string | null): string | null {
  return NEEDS.exec(text ?? '')?.[1] ?? null;
}

/** The number under which Prisma's own `migrate` takes its advisory lock: the two never run at once. */
const PRISMA_LOCK = 72707369;

/** Prisma's own table, column by column, so that `prisma migrate status` reads it. */
const CREATE_PRISMA_TABLE = `
  CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id varchar(36) PRIMARY KEY NOT NULL,
    checksum varchar(64) NOT NULL,
    finished_at timestamptz,
    migration_name varchar(255) NOT NULL,
    logs text,
    rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(),
    applied_steps_count integer NOT NULL DEFAULT 0
  )`;

async function readMigrations(folder: string): Promise<MigrationFile[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8');
      const checksum = createHash('sha256').update(sql).digest('hex');
      return { name, sql, checksum, needs: needsIn(sql) };
    }),
  );
}

/** Whatever runs a statement: an owner's connection, or a program's transaction. */
type Run = <Row extends pg.QueryResultRow>(text: string) => Promise<Row[]>;

async function readApplied(run: Run): Promise<AppliedRow[]> {
  const [table] = await run<{ there: boolean }>(
    `SELECT to_regclass('public._prisma_migrations') IS NOT NULL AS there`,
  );
  if (!table?.there) return [];
  return run<AppliedRow>(
    `SELECT migration_name, checksum, finished_at, logs FROM public._prisma_migrations
     WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  );
}

const runOn =
  (client: pg.Client): Run =>
  async <Row extends pg.QueryResultRow>(text: string) =>
    (await client.query<Row>(text)).rows;

function compare(files: MigrationFile[], rows: AppliedRow[]): SchemaStatus {
  const finished = new Map(
    rows.filter((row) => row.finished_at !== null).map((row) => [row.migration_name, row.checksum]),
  );
  const known = new Set(files.map((file) => file.name));
  return {
    applied: files.filter((file) => finished.has(file.name)).map((file) => file.name),
    pending: files.filter((file) => !finished.has(file.name)).map((file) => file.name),
    changed: files
      .filter((file) => (finished.get(file.name) ?? file.checksum) !== file.checksum)
      .map((file) => file.name),
    unknown: [...finished.keys()].filter((name) => !known.has(name)),
    failed: rows.filter((row) => row.finished_at === null).map((row) => row.migration_name),
  };
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'ss-schema',
    connectionTimeoutMillis: 10_000,
    options: '-c TimeZone=UTC',
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The schema migrations of this release, wherever it is installed. */
export function migrationsFolder(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'prisma', 'migrations');
    if (existsSync(candidate)) return candidate;
  }
  throw new Error('the folder prisma/migrations is not part of this installation');
}

let ownMigrations: Promise<MigrationFile[]> | null = null;

/** Of the release that runs. They do not change while it does, and readiness asks for them every second. */
async function readOwnMigrations(): Promise<MigrationFile[]> {
  ownMigrations ??= readMigrations(migrationsFolder());
  return ownMigrations.catch((error: unknown) => {
    ownMigrations = null;
    throw error;
  });
}

/**
 * Throws `SCHEMA_MISMATCH` unless the schema is one that this release works with. The oldest is its own: it has every
 * schema migration of this release, as it is. What newer releases added is no fault, so that they can be rolled out,
 * up to one that says that it needs a newer release than this (`needs`).
 */
export async function assertSchema(database: Database, scope: Scope, folder?: string): Promise<void> {
  const files = folder === undefined ? await readOwnMigrations() : await readMigrations(folder);
  const rows = await readAppliedAs(database, scope);
  const { pending, changed } = compare(files, rows);
  if (pending.length > 0 || changed.length > 0) {
    throw new SchemaMismatch(
      `schema migrations are missing or changed: ${[...pending, ...changed].join(', ')}; run: npm run ssctl -- schema deploy`,
      { fault: changed.length > 0 ? 'changed' : 'behind', pending, changed },
    );
  }
  const known = new Set(files.map(({ name }) => name));
  const needs = rows
    .filter(({ finished_at: at }) => at !== null)
    .map(({ logs }) => needsIn(logs))
    .find((name) => name !== null && !known.has(name));
  if (needs) {
    throw new SchemaMismatch(
      `the schema is too new for this release: it needs one that has the schema migration ${needs}`,
      { fault: 'ahead', needs },
    );
  }
}

/** The same comparison as {@link schemaStatus}, with the rights of a program. */
export async function readSchemaStatus(database: Database, scope: Scope): Promise<SchemaStatus> {
  return compare(await readOwnMigrations(), await readAppliedAs(database, scope));
}

async function readAppliedAs(database: Database, scope: Scope): Promise<AppliedRow[]> {
  return database.withoutTenant(scope, (tx) => readApplied((text) => tx.query(text)));
}

/** Compares the folder of schema migrations with what the database has. Changes nothing. */
export async function schemaStatus(url: string, folder = migrationsFolder()): Promise<SchemaStatus> {
  const files = await readMigrations(folder);
  return withClient(url, async (client) => compare(files, await readApplied(runOn(client))));
}

/**
 * Applies what is pending, each file in a transaction of its own, and answers the names. Programs that start
 * at once wait for each other (advisory lock). Refuses when an applied file was changed or one has failed.
 */
export async function deploySchema(url: string, folder = migrationsFolder()): Promise<string[]> {
  const files = await readMigrations(folder);
  return withClient(url, async (client) => {
    await client.query(`SET lock_timeout = '120s'`);
    await client.query('SELECT pg_advisory_lock($1)', [PRISMA_LOCK]);
    await ensureRoles(client);
    await client.query('SET ROLE ss_owner');
    await client.query(`SET client_min_messages = 'warning'`);
    await client.query(CREATE_PRISMA_TABLE);
    await client.query('GRANT SELECT ON _prisma_migrations TO ss_api, ss_worker, ss_operator');
    const status = compare(files, await readApplied(runOn(client)));
    if (status.changed.length > 0 || status.failed.length > 0) {
      throw new SchemaMismatch(
        'Schema migrations were changed after they were applied, or did not finish. Nothing was applied.',
        { changed: status.changed, failed: status.failed },
      );
    }
    // From here on a migration that waits for a lock gives up rather than hold everyone behind it.
    await client.query(`SET lock_timeout = '10s'`);
    const pending = files.filter((file) => status.pending.includes(file.name));
    for (const file of pending) await apply(client, file);
    return pending.map((file) => file.name);
  });
}

async function apply(client: pg.Client, file: MigrationFile): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(file.sql);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count, logs)
       VALUES ($1, $2, $3, now(), clock_timestamp(), 1, $4)`,
      [randomUUID(), file.checksum, file.name, file.needs === null ? null : `needs: ${file.needs}`],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new SchemaMismatch(`Schema migration ${file.name} failed and was rolled back.`, {
      migration: file.name,
      cause: error instanceof Error ? error.message : String(error),
    });
  }
}
