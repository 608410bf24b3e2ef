import type { DuckDBConnection } from '@duckdb/node-api';
import type { InspectTask } from '../child-protocol.js';
import type { ExecutionLimits } from '../execution-limits.js';
import type { ColumnProfile, DatasetProfile } from '../step-request.js';
import { quoteName, readNumber, withDuck } from './duck.js';
import { loadDataset } from './load-table.js';
import { readPreview } from './table-rows.js';

/** Up to here counting exactly costs little, and a person can check it; each column keeps a table of its values. */
const EXACT_DISTINCT = { rows: 100_000, columns: 100 };
/** In one statement, 200 columns already need hundreds of megabytes. */
const COLUMNS_AT_ONCE = 50;
const MAX_EXTREME_CHARS = 200;

/** Reads the whole dataset and says what is in it. */
export async function inspectDataset(task: InspectTask, limits: ExecutionLimits): Promise<DatasetProfile> {
  const { dataset, sampleRows } = task;
  const table = quoteName(dataset.datasetKey);
  return withDuck(limits, 'trusted', async (connection) => {
    await loadDataset(connection, dataset, limits.inputColumns);
    const rowCount = await readNumber(connection, `SELECT count(*) FROM ${table}`);
    const sample = await readPreview(connection, `SELECT * FROM ${table} LIMIT ${String(sampleRows)}`);
    const isExact = rowCount <= EXACT_DISTINCT.rows && sample.columns.length <= EXACT_DISTINCT.columns;
    const columns: ColumnProfile[] = [];
    for (let from = 0; from < sample.columns.length; from += COLUMNS_AT_ONCE) {
      const some = sample.columns.slice(from, from + COLUMNS_AT_ONCE);
      const figures = await readFigures(
        connection,
        table,
        some.map(({ name }) => name),
        isExact,
      );
      columns.push(...some.map((column, index) => ({ ...column, ...figuresAt(figures, index) })));
    }
    return { rowCount, columns, sampleRows: sample.rows };
  });
}

const FIGURES_PER_COLUMN = 4;

async function readFigures(
  connection: DuckDBConnection,
  table: string,
  names: readonly string[],
  isExact: boolean,
): Promise<unknown[]> {
  const figures = names.flatMap((name) => {
    const column = quoteName(name);
    const distinct = isExact ? `count(DISTINCT ${column})` : `approx_count_distinct(${column})`;
    return [
      `count(*) - count(${column})`,
      distinct,
      `left(min(${column})::VARCHAR, ${String(MAX_EXTREME_CHARS)})`,
      `left(max(${column})::VARCHAR, ${String(MAX_EXTREME_CHARS)})`,
    ];
  });
  const reader = await connection.runAndReadAll(`SELECT ${figures.join(', ')} FROM ${table}`);
  return reader.getRows()[0] ?? [];
}

function figuresAt(figures: readonly unknown[], index: number): Omit<ColumnProfile, 'name' | 'type'> {
  const [nulls, distinct, min, max] = figures.slice(
    index * FIGURES_PER_COLUMN,
    (index + 1) * FIGURES_PER_COLUMN,
  );
  return { nulls: Number(nulls), distinct: Number(distinct), min: textOrNull(min), max: textOrNull(max) };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value.replaceAll('\u0000', '\ufffd').toWellFormed() : null;
}
