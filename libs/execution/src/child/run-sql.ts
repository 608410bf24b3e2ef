import { renameSync, statSync } from 'node:fs';
import { StatementType, type DuckDBConnection } from '@duckdb/node-api';
import type { SqlTask } from '../child-protocol.js';
import type { ExecutionLimits } from '../execution-limits.js';
import type { StepSummary } from '../step-request.js';
import { ChildFailure } from './child-failure.js';
import { DATABASE_FILE, quoteText, readNumber, withDuck } from './duck.js';
import { whileFileStaysWithin } from './file-limit.js';
import { loadDataset, loadTable } from './load-table.js';
import { publicText } from './public-text.js';
import { readPreview } from './table-rows.js';

/** In a schema of its own, where it can meet no dataset's name. */
const RESULT = 'ss_result.result';
const WRITTEN = 'result';

/**
 * Carries out a user's query in three phases, each with a database instance of its own: load the data, run the
 * query with everything else locked away, write the result. No phase that may touch files sees the user's SQL.
 */
export async function runSql(task: SqlTask, limits: ExecutionLimits): Promise<StepSummary> {
  await withDuck(limits, 'trusted', async (connection) => {
    for (const dataset of task.datasets) await loadDataset(connection, dataset, limits.inputColumns);
    for (const table of task.tables) await loadTable(connection, table);
    await connection.run('CREATE SCHEMA ss_result');
  });
  const loadedBytes = statSync(DATABASE_FILE).size;
  await withDuck(limits, 'locked', (connection) =>
    whileFileStaysWithin(DATABASE_FILE, loadedBytes + limits.resultBytes, connection, () =>
      query(connection, task.sql),
    ),
  );
  return withDuck(limits, 'trusted', (connection) => writeResult(connection, task, limits));
}

async function query(connection: DuckDBConnection, sql: string): Promise<void> {
  // A prefix, not a wrapping: nothing in the text can close what was never opened.
  const create = `CREATE TABLE ${RESULT} AS\n${sql}`;
  await refuseOtherThanSelect(connection, sql, create);
  try {
    await connection.run(create);
  } catch (error) {
    throw sqlFailed(error);
  }
}

async function refuseOtherThanSelect(
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

async function writeResult(
  connection: DuckDBConnection,
  { csvPath, parquetPath }: SqlTask,
  limits: ExecutionLimits,
): Promise<StepSummary> {
  const rowCount = await readNumber(connection, `SELECT count(*) FROM ${RESULT}`);
  if (rowCount > limits.resultRows) {
    const most = `${String(rowCount)} rows; ${String(limits.resultRows)} are allowed`;
    throw new ChildFailure('RESULT_TOO_LARGE', `The result has ${most}.`);
  }
  const targets = [
    { path: csvPath, options: 'FORMAT csv, HEADER true' },
    { path: parquetPath, options: 'FORMAT parquet, COMPRESSION zstd' },
  ];
  for (const { path, options } of targets) {
    // Here first, where the guard watches the disk; under its own name only when it is whole.
    await whileFileStaysWithin(WRITTEN, limits.resultBytes, connection, () =>
      connection.run(`COPY ${RESULT} TO ${quoteText(WRITTEN)} (${options})`),
    );
    renameSync(WRITTEN, path);
  }
  const { columns, rows } = await readPreview(
    connection,
    `SELECT * FROM ${RESULT} LIMIT ${String(limits.previewRows)}`,
  );
  return { rowCount, columns, preview: rows };
}

function notAllowed(what: string): ChildFailure {
  return new ChildFailure('SQL_NOT_ALLOWED', `A step runs exactly one SELECT; this is ${what}.`);
}

function firstWord(sql: string): string {
  const code = sql.replaceAll(/--[^\n]*|\/\*[^]*?\*\//g, ' ');
  return /[a-z]+/i.exec(code)?.[0].toUpperCase() ?? 'no query';
}

function sqlFailed(error: unknown): ChildFailure {
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
