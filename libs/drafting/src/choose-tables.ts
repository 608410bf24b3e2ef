import { isGroupable, type Column } from './column.js';
import type { DraftedTable } from './drafted-table.js';
import { correlation } from './rules/correlation.js';
import { distribution } from './rules/distribution.js';
import { crossTable, groupCounts } from './rules/group-counts.js';
import { groupComparison } from './rules/group-comparison.js';
import { monthlyCount, monthlyMean } from './rules/monthly.js';

/** The named columns of one dataset, by what they are good for, each list in the order of the requirement. */
export interface NamedColumns {
  numbers: Column[];
  groups: Column[];
  dates: Column[];
}

/**
 * Sorts named columns by their part. Where nothing else groups, a whole number of few values that is not the first
 * number does: "flipper length by year".
 */
export function partsOf(columns: readonly Column[]): NamedColumns {
  const of = (kind: Column['kind']): Column[] => columns.filter((column) => column.kind === kind);
  const [numbers, groups, dates] = [of('number'), of('category'), of('date')];
  if (groups.length > 0 || numbers.length < 2) return { numbers, groups, dates };
  const measures = numbers.filter((column) => !isGroupable(column));
  return measures.length === 0
    ? { numbers, groups, dates }
    : { numbers: measures, groups: numbers.filter(isGroupable), dates };
}

/** Which tables answer a requirement that names these columns. A new rule is a line here and a file in rules/. */
export function chooseTables({ numbers, groups, dates }: NamedColumns): DraftedTable[] {
  const alone = numbers.length + groups.length + dates.length === 1;
  return [
    ...numbers.flatMap((number) => compareGroups(number, groups)),
    ...pairs(numbers).flatMap(([outcome, predictor]) => correlation(outcome, predictor, onlyOf(groups))),
    ...numbers.flatMap((number) => dates.map((date) => monthlyMean(number, date))),
    ...(numbers.length === 0 ? pairs(groups).map(([first, second]) => crossTable(first, second)) : []),
    ...(numbers.length === 0 ? dates.map(monthlyCount) : []),
    ...(numbers.length === 0 && groups.length === 1 ? groups.map(groupCounts) : []),
    ...(alone ? numbers.map(distribution) : []),
  ];
}

/** Two groupings are crossed; with more the groups would be too small to say anything, so each stands alone. */
function compareGroups(number: Column, groups: readonly Column[]): DraftedTable[] {
  const [first, second] = groups;
  if (first !== undefined && second !== undefined && groups.length === 2)
    return [groupComparison(number, first, second)];
  return groups.map((group) => groupComparison(number, group, null));
}

function onlyOf(groups: readonly Column[]): Column | null {
  return groups.length === 1 ? (groups[0] ?? null) : null;
}

function pairs(columns: readonly Column[]): [Column, Column][] {
  return columns.flatMap((first, index) =>
    columns.slice(index + 1).map((second): [Column, Column] => [first, second]),
  );
}
