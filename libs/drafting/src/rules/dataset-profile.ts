import type { Column } from '../column.js';
import type { DatasetProfile } from '../drafter.js';
import { calculable, type DraftedTable } from '../drafted-table.js';
import { identifier, label } from '../sql-names.js';

/** One row a column: type, extremes, mean, quartiles, share of missing values. Columns past `maxBytes` of SQL are left out. */
export function datasetProfile(
  dataset: DatasetProfile,
  columns: readonly Column[],
  maxBytes: number,
): DraftedTable {
  const name = label(dataset.originalName);
  const profiled = selectList(columns, maxBytes);
  const some = profiled.length < columns.length ? `the first ${profiled.length} columns` : 'every column';
  return {
    name: `profile_${dataset.datasetKey}`,
    sql: profileSql(identifier(dataset.datasetKey), profiled),
    purpose: profiled.length === 0 ? `Counts the rows of ${name}` : `Profiles ${some} of ${name}`,
    chart: null,
  };
}

function profileSql(table: string, profiled: readonly string[]): string {
  if (profiled.length === 0) return `SELECT count(*) AS n\nFROM ${table}`;
  return `SELECT *\nFROM (\nSUMMARIZE SELECT\n  ${profiled.join(',\n  ')}\nFROM ${table}\n)`;
}

/** A value that cannot be calculated with counts as missing. */
function selectList(columns: readonly Column[], maxBytes: number): string[] {
  let bytesLeft = maxBytes;
  const items: string[] = [];
  for (const column of columns) {
    const name = identifier(column.name);
    const condition = calculable(column);
    const item = condition === null ? name : `CASE WHEN ${condition} THEN ${name} END AS ${name}`;
    bytesLeft -= Buffer.byteLength(JSON.stringify(item));
    if (bytesLeft < 0) break;
    items.push(item);
  }
  return items;
}
