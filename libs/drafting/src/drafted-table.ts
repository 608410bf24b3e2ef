import type { Step } from '#plans';
import type { ChartSpec } from './chart-spec.js';
import { isFloating, type Column } from './column.js';
import { identifier } from './sql-names.js';
import type { StepIds } from './step-ids.js';

/** A table of results that a rule drafts, and how to draw it. */
export interface DraftedTable {
  /** What its step id is made of. */
  name: string;
  sql: string;
  purpose: string;
  chart: ChartSpec | null;
}

/** The table's sql step, and behind it the chart step where there is a chart. */
export function toSteps({ name, sql, purpose, chart }: DraftedTable, ids: StepIds): Step[] {
  const id = ids.take(name);
  const table: Step = { step_id: id.table, type: 'sql', params: { sql }, purpose };
  if (chart === null) return [table];
  const drawing: Step = {
    step_id: id.chart,
    type: 'chart',
    params: { step: id.table, spec: chart },
    depends_on: [id.table],
    purpose: `Draws ${id.table}`,
  };
  return [table, drawing];
}

/** Groups past this many are left out of tables and charts: nobody reads a chart of a thousand bars. */
export const MAX_GROUPS = 50;

/** FROM and WHERE: the rows of the columns' dataset in which all of them have a value that can be calculated with. */
export function rowsWith(columns: readonly [Column, ...Column[]]): string {
  const conditions = columns.map((column) => calculable(column) ?? `${identifier(column.name)} IS NOT NULL`);
  return `FROM ${identifier(columns[0].dataset.datasetKey)}\nWHERE ${conditions.join('\n  AND ')}`;
}

/**
 * The condition under which a value can be calculated with; null when any can. One NaN or infinity makes DuckDB's
 * deviations and timestamps fail, and with them the step; so does the square of a number beyond 1e150.
 */
export function calculable(column: Column): string | null {
  const name = identifier(column.name);
  if (isFloating(column)) return `abs(${name}) < 1e150`;
  return column.kind === 'date' ? `isfinite(${name})` : null;
}
