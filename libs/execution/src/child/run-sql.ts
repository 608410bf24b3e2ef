import { renameSync, statSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { SqlTask } from '../child-protocol.js';
import type { ExecutionLimits } from '../execution-limits.js';
import type { StepSummary } from '../step-request.js';
import { ChildFailure } from './child-failure.js';
import { DATABASE_FILE, quoteText, readNumber, withDuck } from './duck.js';
import { whileFileStaysWithin } from './file-limit.js';
import { loadDataset, loadTable } from './load-table.js';
import { refuseOtherThanSelect, sqlFailed } from './one-select.js';
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
