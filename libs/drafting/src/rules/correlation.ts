import { chart, nominal, quantitative } from '../chart-spec.js';
import type { Column } from '../column.js';
import { rowsWith, type DraftedTable } from '../drafted-table.js';
import { identifier, label, literal, resultName } from '../sql-names.js';

/** More points make a chart slow to load and no clearer. */
const MAX_POINTS = 5_000;

/** How two numbers go together: the correlation and the straight line, and the points that they are made of. */
export function correlation(outcome: Column, predictor: Column, colour: Column | null): DraftedTable[] {
  return [figures(outcome, predictor), points(outcome, predictor, colour)];
}

function figures(outcome: Column, predictor: Column): DraftedTable {
  const pair = `${identifier(outcome.name)}, ${identifier(predictor.name)}`;
  return {
    name: `${outcome.name}_on_${predictor.name}`,
    sql: `SELECT
  ${literal(label(outcome.name))} AS outcome,
  ${literal(label(predictor.name))} AS predictor,
  count(*) AS n,
  corr(${pair}) AS correlation,
  regr_slope(${pair}) AS slope,
  regr_intercept(${pair}) AS intercept,
  regr_r2(${pair}) AS r2
${rowsWith([outcome, predictor])}`,
    purpose: `Correlates ${label(outcome.name)} with ${label(predictor.name)} and fits a straight line`,
    chart: null,
  };
}

function points(outcome: Column, predictor: Column, colour: Column | null): DraftedTable {
  const x = resultName(predictor, 'x', []);
  const y = resultName(outcome, 'y', [x]);
  const group = colour === null ? null : resultName(colour, 'group', [x, y]);
  const columns = [
    `${identifier(predictor.name)} AS ${identifier(x)}`,
    `${identifier(outcome.name)} AS ${identifier(y)}`,
  ];
  if (colour !== null && group !== null) columns.push(`${identifier(colour.name)} AS ${identifier(group)}`);
  const encoding = {
    x: { ...quantitative(x, predictor.name), scale: { zero: false } },
    y: { ...quantitative(y, outcome.name), scale: { zero: false } },
  };
  return {
    name: `${outcome.name}_and_${predictor.name}_points`,
    sql: sampled(columns, [x, y, ...(group === null ? [] : [group])], outcome, predictor),
    purpose: `The points of ${label(outcome.name)} against ${label(predictor.name)}, at most ${MAX_POINTS}`,
    chart: chart(
      `${label(outcome.name)} against ${label(predictor.name)}`,
      { type: 'point', filled: true, opacity: 0.6 },
      colour === null || group === null ? encoding : { ...encoding, color: nominal(group, colour.name) },
    ),
  };
}

/** The same sample at each run: rows are chosen by the hash of their place, not by chance. */
function sampled(
  columns: readonly string[],
  names: readonly string[],
  outcome: Column,
  predictor: Column,
): string {
  const rows = rowsWith([outcome, predictor]);
  if (outcome.dataset.rowCount <= MAX_POINTS) {
    return `SELECT\n  ${columns.join(',\n  ')}\n${rows}\nLIMIT ${MAX_POINTS}`;
  }
  const place = freePlace(names);
  return `SELECT ${names.map(identifier).join(', ')}
FROM (
SELECT
  ${columns.join(',\n  ')},
  row_number() OVER () AS ${place}
${rows}
)
ORDER BY hash(${place}), ${place}
LIMIT ${MAX_POINTS}`;
}

function freePlace(names: readonly string[]): string {
  const used = new Set(names.map((name) => name.toLowerCase()));
  let place = 'row_place';
  while (used.has(place)) place += '_';
  return place;
}
