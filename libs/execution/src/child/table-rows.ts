import {
  DuckDBTypeId,
  JsonDuckDBValueConverter,
  type DuckDBConnection,
  type DuckDBValueConverter,
} from '@duckdb/node-api';
import type { JsonRow, JsonValue } from '../json-value.js';
import type { Column } from '../step-request.js';

const MAX_CELL_CHARS = 500;
/** Of a preview: it travels in an answer and is kept in a row of the database. */
const MAX_PREVIEW_BYTES = 262_144;
/** A decimal of so many digits is exactly the double that is nearest to it, when written with as many. */
const EXACT_DECIMAL_DIGITS = 15;

const WIDE_INTEGERS = new Set([
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
]);

export interface TableRows {
  columns: Column[];
  rows: JsonRow[];
}

/** Numbers stay numbers as long as a double holds them exactly; otherwise, and for dates, they become text. */
const lossless: DuckDBValueConverter<JsonValue> = (value, type, converter) => {
  if (typeof value === 'bigint' && WIDE_INTEGERS.has(type.typeId)) {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  const json = JsonDuckDBValueConverter(value, type, converter);
  if (type.typeId === DuckDBTypeId.DECIMAL && 'width' in type && type.width <= EXACT_DECIMAL_DIGITS) {
    return json === null ? null : Number(json);
  }
  return json;
};

/** For a picture, where a number is a length and need not be exact. */
const drawable: DuckDBValueConverter<JsonValue> = (value, type, converter) => {
  const json = lossless(value, type, converter);
  const isNumber = WIDE_INTEGERS.has(type.typeId) || type.typeId === DuckDBTypeId.DECIMAL;
  return isNumber && typeof json === 'string' ? Number(json) : json;
};

/** The rows of a query, in full and without loss. */
export async function readRows(connection: DuckDBConnection, sql: string): Promise<TableRows> {
  return read(connection, sql, lossless);
}

/** The rows of a query as a chart takes them. */
export async function readDrawableRows(connection: DuckDBConnection, sql: string): Promise<JsonRow[]> {
  return (await read(connection, sql, drawable)).rows;
}

/** Rows to be looked at: long cells are cut, and there are fewer rows where they are very wide. */
export async function readPreview(connection: DuckDBConnection, sql: string): Promise<TableRows> {
  const { columns, rows } = await readRows(connection, sql);
  let bytes = 0;
  const kept: JsonRow[] = [];
  for (const row of rows) {
    const cut = Object.fromEntries(
      Object.entries(row).map(([name, value]) => [withoutNul(name), cutCell(value)]),
    );
    bytes += Buffer.byteLength(JSON.stringify(cut));
    if (bytes > MAX_PREVIEW_BYTES) break;
    kept.push(cut);
  }
  return {
    columns: columns.map(({ name, type }) => ({ name: withoutNul(name), type: withoutNul(type) })),
    rows: kept,
  };
}

async function read(
  connection: DuckDBConnection,
  sql: string,
  converter: DuckDBValueConverter<JsonValue>,
): Promise<TableRows> {
  const reader = await connection.runAndReadAll(sql);
  const types = reader.columnTypes();
  const columns = reader.columnNames().map((name, index) => ({ name, type: String(types[index]) }));
  return { columns, rows: reader.convertRowObjects(converter) };
}

function cutCell(value: JsonValue): JsonValue {
  if (typeof value === 'object' && value !== null) {
    const text = JSON.stringify(value);
    return text.length <= MAX_CELL_CHARS && !text.includes('\\u0000') ? value : cutText(text);
  }
  return typeof value === 'string' ? cutText(withoutNul(value)) : value;
}

function cutText(text: string): string {
  return text.length <= MAX_CELL_CHARS ? text : `${text.slice(0, MAX_CELL_CHARS - 1).toWellFormed()}…`;
}

/** PostgreSQL, where previews end up, cannot hold NUL. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '\ufffd');
}
