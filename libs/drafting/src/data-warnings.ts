import type { Column } from './column.js';
import type { DatasetProfile, DraftWarning } from './drafter.js';
import { isUsableName, label } from './sql-names.js';

const MANY_NULLS = 0.2;
const FEW_ROWS = 30;
const FEW_ROWS_A_GROUP = 5;
const MAX_WARNINGS = 50;

/** What in the data would spoil an answer, the named columns first. */
export function dataWarnings(
  datasets: readonly DatasetProfile[],
  columns: readonly Column[],
  named: ReadonlySet<Column>,
): DraftWarning[] {
  const inOrder = [...columns].sort((a, b) => Number(named.has(b)) - Number(named.has(a)));
  const warnings = [
    ...datasets.flatMap(datasetWarnings),
    ...inOrder.flatMap((column) => columnWarnings(column, named.has(column))),
  ];
  if (warnings.length <= MAX_WARNINGS) return warnings;
  const left = warnings.length - MAX_WARNINGS;
  return [
    ...warnings.slice(0, MAX_WARNINGS),
    info('more_warnings', `${left} further remarks on columns are left out`),
  ];
}

function datasetWarnings(dataset: DatasetProfile): DraftWarning[] {
  const { datasetKey, originalName, rowCount, columns } = dataset;
  const name = label(originalName);
  if (!isUsableName(datasetKey))
    return [warning('unusable_name', `${name} has a key that no plan can carry; it is left out`)];
  const warnings: DraftWarning[] = [];
  if (rowCount === 0) warnings.push(warning('no_rows', `${name} has no rows`));
  else if (rowCount < FEW_ROWS) warnings.push(info('few_rows', `${name} has only ${rowCount} rows`));
  const unusable = columns.filter((column) => !isUsableName(column.name)).length;
  if (unusable > 0) {
    warnings.push(
      warning(
        'unusable_name',
        `${unusable} columns of ${name} have names that no plan can carry; they are left out`,
      ),
    );
  }
  return warnings;
}

function columnWarnings(column: Column, isNamed: boolean): DraftWarning[] {
  const { dataset, profile, kind } = column;
  const say = isNamed ? warning : info;
  const name = `Column ${label(column.name)} of ${label(dataset.originalName)}`;
  const values = dataset.rowCount - profile.nulls;
  const warnings: DraftWarning[] = [];
  if (dataset.rowCount > 0 && profile.nulls / dataset.rowCount > MANY_NULLS) {
    const share = Math.round((100 * profile.nulls) / dataset.rowCount);
    warnings.push(say('many_nulls', `${name} has no value in ${share} % of the rows`));
  }
  if (values > 0 && profile.distinct <= 1)
    warnings.push(say('constant', `${name} has the same value in every row`));
  if (kind === 'identifier') {
    warnings.push(
      say('identifier', `${name} looks like an identifier: nearly every row has a value of its own`),
    );
  }
  if (
    isNamed &&
    kind === 'category' &&
    profile.distinct > 1 &&
    values / profile.distinct < FEW_ROWS_A_GROUP
  ) {
    warnings.push(
      warning('small_groups', `${name} makes groups of fewer than ${FEW_ROWS_A_GROUP} rows on average`),
    );
  }
  if (isNamed && kind === 'other') {
    warnings.push(
      warning('unsupported_type', `${name} has type ${label(profile.type)}, which the rules do not analyse`),
    );
  }
  return warnings;
}

function warning(type: string, message: string): DraftWarning {
  return { type, severity: 'warning', message };
}

function info(type: string, message: string): DraftWarning {
  return { type, severity: 'info', message };
}
