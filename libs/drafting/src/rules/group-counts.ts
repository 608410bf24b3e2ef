import { chart, nominal, quantitative } from '../chart-spec.js';
import type { Column } from '../column.js';
import { MAX_GROUPS, rowsWith, type DraftedTable } from '../drafted-table.js';
import { identifier, label, resultName } from '../sql-names.js';

/** How many rows each group has, the largest first. */
export function groupCounts(group: Column): DraftedTable {
  const x = resultName(group, 'group', ['n', 'share']);
  const name = label(group.name);
  return {
    name: `counts_of_${group.name}`,
    sql: `SELECT
  ${identifier(group.name)} AS ${identifier(x)},
  count(*) AS n,
  count(*) / sum(count(*)) OVER () AS share
${rowsWith([group])}
GROUP BY 1
ORDER BY n DESC, 1
LIMIT ${MAX_GROUPS}`,
    purpose: `Counts the rows of each ${name}`,
    chart: chart(`Rows by ${name}`, 'bar', { x: nominal(x, group.name), y: quantitative('n', 'rows') }),
  };
}

/** How many rows each pair of groups has, with its share of the first group. */
export function crossTable(first: Column, second: Column): DraftedTable {
  const x = resultName(first, 'group', ['n', 'share']);
  const colour = resultName(second, 'second_group', ['n', 'share', x]);
  return {
    name: `${first.name}_by_${second.name}`,
    sql: `SELECT
  ${identifier(first.name)} AS ${identifier(x)},
  ${identifier(second.name)} AS ${identifier(colour)},
  count(*) AS n,
  count(*) / sum(count(*)) OVER (PARTITION BY ${identifier(first.name)}) AS share
${rowsWith([first, second])}
GROUP BY ${identifier(first.name)}, ${identifier(second.name)}
ORDER BY 1, 2
LIMIT ${MAX_GROUPS * MAX_GROUPS}`,
    purpose: `Counts the rows of each ${label(first.name)} and ${label(second.name)}`,
    chart: chart(`Rows by ${label(first.name)} and ${label(second.name)}`, 'bar', {
      x: nominal(x, first.name),
      y: quantitative('n', 'rows'),
      color: nominal(colour, second.name),
    }),
  };
}
