import { chart, quantitative } from '../chart-spec.js';
import type { Column } from '../column.js';
import { rowsWith, type DraftedTable } from '../drafted-table.js';
import { identifier, label } from '../sql-names.js';

const FEWEST_BINS = 5;
const MOST_BINS = 30;

/** How one number is spread: equal-width bins from its least to its greatest value. */
export function distribution(number: Column): DraftedTable {
  const bins = binsFor(number.dataset.rowCount);
  const name = label(number.name);
  return {
    name: `distribution_of_${number.name}`,
    sql: distributionSql(number, bins),
    purpose: `Counts ${name} in ${bins} bins of equal width`,
    chart: chart(
      `Distribution of ${name}`,
      { type: 'bar', binSpacing: 1 },
      {
        x: { ...quantitative('bin_start', number.name), bin: { binned: true }, scale: { zero: false } },
        x2: { field: 'bin_end' },
        y: quantitative('n', 'rows'),
      },
    ),
  };
}

/** Sturges' rule, kept between a picture that says nothing and one that says too much. */
function binsFor(rowCount: number): number {
  const sturges = Math.ceil(Math.log2(Math.max(rowCount, 1)) + 1);
  return Math.min(Math.max(sturges, FEWEST_BINS), MOST_BINS);
}

/** The greatest value belongs to the last bin; where all values are equal there is one bin without width. */
function distributionSql(number: Column, bins: number): string {
  return `SELECT
  low + bin * width AS bin_start,
  low + (bin + 1) * width AS bin_end,
  count(*) AS n
FROM (
SELECT
  low,
  width,
  CASE WHEN width > 0 THEN least(floor((number - low) / width), ${bins - 1}) ELSE 0 END AS bin
FROM (
SELECT
  number,
  min(number) OVER () AS low,
  (max(number) OVER () - min(number) OVER ()) / ${bins} AS width
FROM (
SELECT CAST(${identifier(number.name)} AS DOUBLE) AS number
${rowsWith([number])}
)
)
)
GROUP BY low, width, bin
ORDER BY bin`;
}
