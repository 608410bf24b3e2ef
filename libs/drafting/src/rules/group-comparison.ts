import { barsOfMeans, nominal, quantitative } from '../chart-spec.js';
import type { Column } from '../column.js';
import { MAX_GROUPS, rowsWith, type DraftedTable } from '../drafted-table.js';
import { identifier, label, resultName } from '../sql-names.js';

const FIGURES = ['n', 'mean', 'median', 'sd', 'min', 'max'];

/** A number by one or two groupings: count, mean, median, deviation and extremes of each group, and its means as bars. */
export function groupComparison(number: Column, group: Column, second: Column | null): DraftedTable {
  const x = resultName(group, 'group', FIGURES);
  const colour =
    second === null ? null : { column: second, name: resultName(second, 'second_group', [...FIGURES, x]) };
  const names = second === null ? label(group.name) : `${label(group.name)} and ${label(second.name)}`;
  return {
    name: `${number.name}_by_${group.name}${second === null ? '' : `_and_${second.name}`}`,
    sql: groupSql(number, group, x, colour),
    purpose: `Compares ${label(number.name)} between the groups of ${names}`,
    chart: barsOfMeans(
      `Mean ${label(number.name)} by ${names}`,
      nominal(x, group.name),
      quantitative('mean', `mean ${number.name}`),
      colour === null ? null : nominal(colour.name, colour.column.name),
    ),
  };
}

function groupSql(
  number: Column,
  group: Column,
  x: string,
  second: { column: Column; name: string } | null,
): string {
  const value = identifier(number.name);
  const groups = [`${identifier(group.name)} AS ${identifier(x)}`];
  if (second !== null) groups.push(`${identifier(second.column.name)} AS ${identifier(second.name)}`);
  const ordinals = groups.map((_, index) => index + 1).join(', ');
  return `SELECT
  ${groups.join(',\n  ')},
  count(*) AS n,
  avg(${value}) AS mean,
  median(${value}) AS median,
  stddev_samp(${value}) AS sd,
  min(${value}) AS min,
  max(${value}) AS max
${rowsWith(second === null ? [number, group] : [number, group, second.column])}
GROUP BY ${ordinals}
ORDER BY ${ordinals}
LIMIT ${second === null ? MAX_GROUPS : MAX_GROUPS * MAX_GROUPS}`;
}
