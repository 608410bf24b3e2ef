import type { ColumnProfile, DatasetProfile } from './drafter.js';
import { wordsOf } from './words.js';

/** What a column is good for; `other` is what the rules leave alone (lists, structs, blobs, times of day). */
export type ColumnKind = 'number' | 'category' | 'date' | 'identifier' | 'other';

/** A column in its dataset, with what it is good for. */
export interface Column {
  readonly dataset: DatasetProfile;
  readonly profile: ColumnProfile;
  readonly name: string;
  readonly kind: ColumnKind;
}

const INTEGER = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/;
const FLOATING = /^(FLOAT|DOUBLE|REAL)$/;
const DATE = /^(DATE|TIMESTAMP.*|DATETIME)$/;
const CATEGORY = /^(VARCHAR.*|CHAR|TEXT|STRING|BOOLEAN|ENUM.*|UUID)$/;
const LIST = /\[\d*\]$/;
const IDENTIFIER_WORDS = new Set(['id', 'ids', 'uuid', 'guid', 'key', 'index', 'nr', 'no', 'number', 'code']);

/** Below this many rows, values that are all different say nothing about what a column is. */
const FEW_ROWS = 20;
/** A whole-number column with no more values than this may be a code for groups: years, ratings, yes and no. */
const GROUPABLE_VALUES = 10;

export function columnOf(dataset: DatasetProfile, profile: ColumnProfile): Column {
  return { dataset, profile, name: profile.name, kind: kindOf(dataset, profile) };
}

/** Whether values may be NaN or infinite, or so large that their squares are. */
export function isFloating({ profile }: Column): boolean {
  return FLOATING.test(profile.type.toUpperCase());
}

/** Whether a number column could as well name groups. */
export function isGroupable({ kind, profile }: Column): boolean {
  return (
    kind === 'number' && INTEGER.test(profile.type.toUpperCase()) && profile.distinct <= GROUPABLE_VALUES
  );
}

function kindOf(dataset: DatasetProfile, profile: ColumnProfile): ColumnKind {
  const type = profile.type.toUpperCase();
  if (LIST.test(type)) return 'other';
  if (DATE.test(type)) return 'date';
  const allDifferent = hasAllDifferent(dataset, profile);
  if (INTEGER.test(type)) return allDifferent && hasIdentifierName(profile.name) ? 'identifier' : 'number';
  if (FLOATING.test(type) || type.startsWith('DECIMAL')) return 'number';
  if (CATEGORY.test(type)) return allDifferent ? 'identifier' : 'category';
  return 'other';
}

/** Nearly all is enough, because counts of distinct values may be estimates. */
function hasAllDifferent({ rowCount }: DatasetProfile, { nulls, distinct }: ColumnProfile): boolean {
  const values = rowCount - nulls;
  return values > FEW_ROWS && distinct >= 0.95 * values;
}

function hasIdentifierName(name: string): boolean {
  return wordsOf(name).some((word) => IDENTIFIER_WORDS.has(word));
}
