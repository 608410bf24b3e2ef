import { DuckDBTimestampValue, type DuckDBAppender, type DuckDBConnection } from '@duckdb/node-api';
import type { DatasetFile } from '../step-request.js';
import { quoteName } from './duck.js';
import { emptyFile, notWhatItSays } from './text-shape.js';

type Cell = string | number | boolean | Date | null;
type ColumnType = 'DOUBLE' | 'BIGINT' | 'BOOLEAN' | 'TIMESTAMP' | 'VARCHAR';

/** Makes a table of a workbook's first sheet, whose first row names the columns. */
export async function loadWorkbook(
  connection: DuckDBConnection,
  dataset: DatasetFile,
  maxColumns: number,
): Promise<void> {
  const key = dataset.datasetKey;
  const [header = [], ...rows] = await readFirstSheet(dataset);
  if (rows.length === 0 && header.every((cell) => cell === null)) throw emptyFile(key);
  if (header.length > maxColumns) throw notWhatItSays(key, `it has more than ${String(maxColumns)} columns`);
  const names = nameColumns(header);
  const types = names.map((_name, index) => typeOf(rows, index));
  const columns = names.map((name, index) => `${quoteName(name)} ${types[index] ?? 'VARCHAR'}`);
  await connection.run(`CREATE TABLE ${quoteName(key)} (${columns.join(', ')})`);
  const appender = await connection.createAppender(key);
  for (const row of rows) {
    types.forEach((type, index) => {
      append(appender, type, row[index] ?? null);
    });
    appender.endRow();
  }
  appender.closeSync();
}

async function readFirstSheet({ datasetKey, path }: DatasetFile): Promise<Cell[][]> {
  const { readSheet } = await import('read-excel-file/node');
  try {
    const rows = await readSheet(path);
    return rows.map((row) => row.map(toCell));
  } catch {
    throw notWhatItSays(datasetKey, 'it is not an XLSX workbook');
  }
}

/** The package's types call a date's constructor a cell; what comes is a date. */
function toCell(cell: unknown): Cell {
  if (typeof cell === 'number' || typeof cell === 'boolean' || cell instanceof Date) return cell;
  return typeof cell === 'string' && cell !== '' && cell !== 'NA' ? cell : null;
}

/** Every column has a name, and no two the same one: names in DuckDB do not know letter case. */
function nameColumns(header: readonly Cell[]): string[] {
  const taken = new Set<string>();
  return header.map((cell, index) => {
    const wanted = cell === null ? `column${String(index)}` : toText(cell).trim();
    let name = wanted;
    for (let n = 1; taken.has(name.toLowerCase()); n += 1) name = `${wanted}_${String(n)}`;
    taken.add(name.toLowerCase());
    return name;
  });
}

function typeOf(rows: readonly Cell[][], index: number): ColumnType {
  const cells = rows.map((row) => row[index] ?? null).filter((cell) => cell !== null);
  if (cells.length === 0) return 'VARCHAR';
  if (cells.every((cell) => Number.isSafeInteger(cell))) return 'BIGINT';
  if (cells.every((cell) => typeof cell === 'number')) return 'DOUBLE';
  if (cells.every((cell) => typeof cell === 'boolean')) return 'BOOLEAN';
  if (cells.every((cell) => cell instanceof Date)) return 'TIMESTAMP';
  return 'VARCHAR';
}

function append(appender: DuckDBAppender, type: ColumnType, cell: Cell): void {
  if (cell === null) appender.appendNull();
  else if (type === 'BIGINT') appender.appendBigInt(BigInt(Number(cell)));
  else if (type === 'DOUBLE') appender.appendDouble(Number(cell));
  else if (type === 'BOOLEAN') appender.appendBoolean(cell === true);
  else if (cell instanceof Date && type === 'TIMESTAMP') {
    appender.appendTimestamp(new DuckDBTimestampValue(BigInt(cell.getTime()) * 1000n));
  } else appender.appendVarchar(toText(cell));
}

function toText(cell: Cell): string {
  return cell instanceof Date ? cell.toISOString() : String(cell);
}
