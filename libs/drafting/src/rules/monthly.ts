import { chart, quantitative, type ChartSpec } from '../chart-spec.js';
import type { Column } from '../column.js';
import { rowsWith, type DraftedTable } from '../drafted-table.js';
import { identifier, label } from '../sql-names.js';

/** The mean of a number in each month. */
export function monthlyMean(number: Column, date: Column): DraftedTable {
  const value = identifier(number.name);
  const name = label(number.name);
  return {
    name: `${number.name}_by_month`,
    sql: `SELECT
  ${month(date)} AS month,
  count(*) AS n,
  avg(${value}) AS mean,
  min(${value}) AS min,
  max(${value}) AS max
${rowsWith([date, number])}
GROUP BY 1
ORDER BY 1`,
    purpose: `Follows the mean of ${name} month by month of ${label(date.name)}`,
    chart: line(`Mean ${name} by month`, 'mean', `mean ${number.name}`, date),
  };
}

/** How many rows fall into each month. */
export function monthlyCount(date: Column): DraftedTable {
  return {
    name: `rows_by_month_of_${date.name}`,
    sql: `SELECT
  ${month(date)} AS month,
  count(*) AS n
${rowsWith([date])}
GROUP BY 1
ORDER BY 1`,
    purpose: `Counts the rows of each month of ${label(date.name)}`,
    chart: line(`Rows by month of ${label(date.name)}`, 'n', 'rows', date),
  };
}

/** The month's first day as text, which CSV, Parquet and charts all read alike. */
function month(date: Column): string {
  return `strftime(date_trunc('month', CAST(${identifier(date.name)} AS TIMESTAMP)), '%Y-%m-%d')`;
}

function line(title: string, y: string, yTitle: string, date: Column): ChartSpec {
  return chart(
    title,
    { type: 'line', point: true },
    {
      x: { field: 'month', type: 'temporal', timeUnit: 'utcyearmonth', title: label(date.name) },
      y: quantitative(y, yTitle),
    },
  );
}
