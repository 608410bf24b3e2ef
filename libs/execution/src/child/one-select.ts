import { StatementType, type DuckDBConnection } from '@duckdb/node-api';
import { ChildFailure } from './child-failure.js';
import { publicText } from './public-text.js';

/** Throws unless `sql` is one SELECT by DuckDB's own judgement; `create` is the statement that it is to be a part of. */
export async function refuseOtherThanSelect(
  connection: DuckDBConnection,
  sql: string,
  create: string,
): Promise<void> {
  // DuckDB would read up to there and no further.
  if (sql.includes('\0')) throw notAllowed('a text with NUL');
  const count = await countStatements(connection, sql);
  if (count instanceof Error) throw sqlFailed(count);
  if (count !== 1)
    throw notAllowed(
      count === 0 ? 'no statement' : `${String(count)} statements (a PIVOT without IN counts as several)`,
    );
  const isQuery = (await countStatements(connection, create)) === 1;
  const type = await statementType(connection, sql);
  if (!isQuery) throw notAllowed(typeof type === 'string' && type !== 'SELECT' ? type : firstWord(sql));
  if (type instanceof Error) throw sqlFailed(type);
  if (type !== 'SELECT') throw notAllowed(type);
}

async function countStatements(connection: DuckDBConnection, sql: string): Promise<number | Error> {
  try {
    return (await connection.extractStatements(sql)).count;
  } catch (error) {
    // DuckDB has no words of its own for a text without any statement.
    if (error instanceof Error) return error.message.includes('native callback') ? 0 : error;
    throw error;
  }
}

/** What DuckDB itself takes the statement for; only binding it tells, so the error of that may come instead. */
async function statementType(connection: DuckDBConnection, sql: string): Promise<string | Error> {
  try {
    const prepared = await connection.prepare(sql);
    const type = StatementType[prepared.statementType];
    prepared.destroySync();
    return type;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

function notAllowed(what: string): ChildFailure {
  return new ChildFailure('SQL_NOT_ALLOWED', `A step runs exactly one SELECT; this is ${what}.`);
}

function firstWord(sql: string): string {
  const code = sql.replaceAll(/--[^\n]*|\/\*[^]*?\*\//g, ' ');
  return /[a-z]+/i.exec(code)?.[0].toUpperCase() ?? 'no query';
}

/** What DuckDB says of a query, as people outside may read it. */
export function sqlFailed(error: unknown): ChildFailure {
  const folder = new Map([
    [`${process.cwd()}/`, ''],
    [process.cwd(), '.'],
  ]);
  const message = publicText(error, folder)
    .replace(/^Failed to extract statements: /, '')
    // Advice for those who can configure DuckDB.
    .replace(/\s*Possible solutions:[^]*$/, '');
  if (/^Out of Memory Error|could not allocate|bad_alloc/i.test(message)) {
    return new ChildFailure('STEP_OUT_OF_MEMORY', `The query needed more memory than it may: ${message}`);
  }
  return new ChildFailure('SQL_FAILED', message);
}
