import type { Step } from '#plans';
import type { Mention } from './column-mentions.js';
import { label } from './sql-names.js';

const MAX_NAMES = 20;

/** The draft in words: who wrote it, what it understood, what would run. */
export function draftText(datasets: number, mentions: readonly Mention[], steps: readonly Step[]): string {
  const lines = steps.map(({ step_id, purpose }, index) => `${index + 1}. ${step_id}: ${purpose ?? ''}`);
  return [
    'This draft was written by built-in rules; no language model was asked.',
    understood(datasets, mentions),
    '',
    ...lines,
  ].join('\n');
}

function understood(datasets: number, mentions: readonly Mention[]): string {
  if (datasets === 0) return 'There is no dataset yet, so there is nothing to analyse.';
  const names = mentions.slice(0, MAX_NAMES).map(({ column }) => label(column.name));
  return names.length === 0
    ? 'The requirement names no column of the data, so the draft only profiles it.'
    : `The requirement was read as being about ${names.join(', ')}.`;
}
