import { statSync, symlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { DatasetFile, DatasetFormat, TableFile } from '../step-request.js';
import { ChildFailure } from './child-failure.js';
import { findDelimiter } from './csv-dialect.js';
import { quoteName, quoteText, readNumber } from './duck.js';
import { publicText } from './public-text.js';
import { emptyFile, notWhatItSays, readTextHead } from './text-shape.js';
import { loadWorkbook } from './workbook.js';

/** Makes a table of a dataset, reading all of it, so that a fault in its last line is noticed here. */
export async function loadDataset(
  connection: DuckDBConnection,
  dataset: DatasetFile,
  maxColumns: number,
): Promise<void> {
  const key = dataset.datasetKey;
  if (statSync(dataset.path).size === 0) throw emptyFile(key);
  if (dataset.format === 'xlsx') {
    await loadWorkbook(connection, dataset, maxColumns);
    return;
  }
  const file = localName(dataset.path);
  const source = readers[dataset.format](file, key);
  const columns = await parsing(dataset, file, () =>
    readNumber(connection, `SELECT count(*) FROM (DESCRIBE SELECT * FROM ${source})`),
  );
  if (columns > maxColumns) throw notWhatItSays(key, `it has more than ${String(maxColumns)} columns`);
  await parsing(dataset, file, () =>
    connection.run(`CREATE TABLE ${quoteName(key)} AS SELECT * FROM ${source}`),
  );
}

/** Makes a table of an earlier step's result. */
export async function loadTable(connection: DuckDBConnection, { stepId, path }: TableFile): Promise<void> {
  try {
    const source = `read_parquet(${quoteText(localName(path))})`;
    await connection.run(`CREATE TABLE ${quoteName(stepId)} AS SELECT * FROM ${source}`);
  } catch {
    throw new ChildFailure('TABLE_MISSING', `The table of step "${stepId}" could not be read.`);
  }
}

let links = 0;

/** DuckDB takes paths for patterns and repeats them in messages, so it is shown a plain name beside it instead. */
export function localName(path: string): string {
  const name = `file${String((links += 1))}`;
  symlinkSync(resolve(path), name);
  return name;
}

/** How DuckDB reads each format; nothing that matters is left for it to guess from the content. */
const readers: Record<Exclude<DatasetFormat, 'xlsx'>, (file: string, key: string) => string> = {
  csv: (file, key) => csvReader(file, key, null),
  tsv: (file, key) => csvReader(file, key, '\t'),
  jsonl: (file, key) => {
    if (!readTextHead(file, key).text.trimStart().startsWith('{')) {
      throw notWhatItSays(key, 'each line must be a JSON object');
    }
    return `read_json(${quoteText(file)}, format = 'newline_delimited', records = true, sample_size = -1)`;
  },
  parquet: (file) => `read_parquet(${quoteText(file)})`,
};

function csvReader(file: string, key: string, given: string | null): string {
  const { text, whole } = readTextHead(file, key);
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
  const header = lines[0] ?? '';
  if (header.trim() === '') throw notWhatItSays(key, 'its first line must name the columns');
  if (/^\s*(?:\{\s*"|\[\s*[[{"])/.test(header)) throw notWhatItSays(key, 'it is JSON');
  if (lines.length === 1 && !whole) throw notWhatItSays(key, 'its first line has no end');
  const found = given ?? findDelimiter(header);
  const isOneLine = lines.slice(1).every((line) => line.trim() === '');
  if (whole && isOneLine && !header.includes(found ?? ',')) {
    throw notWhatItSays(key, 'it is one line without any column');
  }
  const options = [
    'header = true',
    'skip = 0',
    `delim = ${quoteText(found ?? ',')}`,
    `quote = '"'`,
    `escape = '"'`,
    `comment = ''`,
    // R writes NA for what is missing.
    `nullstr = ['', 'NA']`,
    'strict_mode = true',
    'null_padding = false',
    'ignore_errors = false',
    // All lines decide the types: a text in the last of a million lines must not break the load.
    'sample_size = -1',
  ];
  return `read_csv(${quoteText(file)}, ${options.join(', ')})`;
}

async function parsing<T>(dataset: DatasetFile, file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // What DuckDB points at is the statement of ours that reads the file: no business of whoever sent it.
    const reason = publicText(error, new Map([[file, dataset.datasetKey]])).replace(/\s*LINE \d+: [^]*$/, '');
    if (/Out of Memory/i.test(reason)) throw new ChildFailure('STEP_OUT_OF_MEMORY', reason);
    throw new ChildFailure(
      'INPUT_PARSE_FAILED',
      `Dataset "${dataset.datasetKey}" is not valid ${dataset.format}: ${reason}`,
    );
  }
}
