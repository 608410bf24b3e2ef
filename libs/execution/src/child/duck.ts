import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import type { ExecutionLimits } from '../execution-limits.js';

/** Relative, as all names that DuckDB is told: so none of its messages, and no SQL, can tell where the host keeps things. */
const DATABASE = 'data.duckdb';

/** Before any SQL of a user: from here on nothing outside the database can be reached, nor this be undone. */
const LOCKS = [
  `SET autoinstall_known_extensions = false`,
  `SET autoload_known_extensions = false`,
  `SET allow_community_extensions = false`,
  `SET enable_external_access = false`,
  `SET lock_configuration = true`,
];

/** Opens the step's database, hands it out, and closes it whatever happens, so that phases share nothing but data. */
export async function withDuck<T>(
  limits: ExecutionLimits,
  mode: 'trusted' | 'locked',
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const instance = await DuckDBInstance.create(DATABASE, {
    threads: String(limits.threads),
    memory_limit: `${String(limits.duckdbMemoryBytes)}B`,
    autoinstall_known_extensions: 'false',
    allow_community_extensions: 'false',
  });
  try {
    const connection = await instance.connect();
    try {
      await connection.run(`SET temp_directory = 'spill'`);
      await connection.run(`SET max_temp_directory_size = '${String(limits.spillBytes)}B'`);
      await connection.run(`SET home_directory = '.'`);
      await connection.run(`SET secret_directory = 'secrets'`);
      await connection.run(`SET extension_directory = 'extensions'`);
      await connection.run(`SET TimeZone = 'UTC'`);
      if (mode === 'locked') for (const lock of LOCKS) await connection.run(lock);
      return await work(connection);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

export const DATABASE_FILE = DATABASE;

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The single number of a query of one row and one column. */
export async function readNumber(connection: DuckDBConnection, sql: string): Promise<number> {
  const reader = await connection.runAndReadAll(sql);
  return Number(reader.getRows()[0]?.[0] ?? 0);
}
