import type { Step } from '#plans';
import { chooseTables, partsOf } from './choose-tables.js';
import { columnOf, type Column } from './column.js';
import { findMentions, type Mention } from './column-mentions.js';
import { dataWarnings } from './data-warnings.js';
import { toSteps, type DraftedTable } from './drafted-table.js';
import type {
  DatasetProfile,
  DraftAssumption,
  DraftProposal,
  DraftRequest,
  DraftWarning,
  Drafter,
} from './drafter.js';
import { openMentions, questionsAboutNothing } from './open-questions.js';
import { draftText } from './draft-text.js';
import { datasetProfile } from './rules/dataset-profile.js';
import { isUsableName, label } from './sql-names.js';
import { StepIds } from './step-ids.js';

/** Of all datasets together; what is beyond is not looked at. */
const MAX_COLUMNS = 1_000;
/** Each becomes a step: a plan has at most 200, and a person reads fewer. */
const MAX_PROFILES = 50;
/** As JSON, so that even hostile names leave room for the tables in a plan of `PLAN_LIMITS.planBytes`. */
const MAX_PROFILE_BYTES = 60_000;
const MAX_PROFILES_BYTES = 300_000;
const MAX_TABLES = 20;

/**
 * Drafts by rules alone: profiles every dataset and, where the requirement names columns, groups, compares and charts
 * them. The same request gives the same draft.
 */
export class RulesDrafter implements Drafter {
  draft(request: DraftRequest, signal: AbortSignal): Promise<DraftProposal> {
    return new Promise((resolve) => {
      signal.throwIfAborted();
      resolve(propose(request));
    });
  }
}

function propose({ requirement, datasets }: DraftRequest): DraftProposal {
  const usable = [...datasets].sort(primaryFirst).filter(({ datasetKey }) => isUsableName(datasetKey));
  const columns = usableColumns(usable);
  const mentions = findMentions(requirement, columns);
  const tables = usable.map((dataset) => chooseTables(partsOf(mentionedIn(dataset, mentions)))).flat();
  const open = openMentions(mentions);
  const named = new Set(mentions.map(({ column }) => column));
  const steps = stepsOf(usable, columns, tables);
  return {
    source: 'rules',
    text: draftText(usable.length, mentions, steps),
    steps,
    assumptions: [...open.assumptions, ...assumptionsOf(mentions, tables)],
    questions: tables.length === 0 ? [...open.questions, ...questionsAboutNothing(columns)] : open.questions,
    warnings: [...dataWarnings(datasets, columns, named), ...leftOut(usable, mentions, tables)],
  };
}

/** Where words name columns of two datasets alike, the primary one is meant. */
function primaryFirst(a: DatasetProfile, b: DatasetProfile): number {
  return Number(b.role === 'primary_dataset') - Number(a.role === 'primary_dataset');
}

function usableColumns(datasets: readonly DatasetProfile[]): Column[] {
  return datasets
    .flatMap((dataset) => dataset.columns.map((profile) => columnOf(dataset, profile)))
    .filter(({ name }) => isUsableName(name))
    .slice(0, MAX_COLUMNS);
}

function mentionedIn(dataset: DatasetProfile, mentions: readonly Mention[]): Column[] {
  return mentions.map(({ column }) => column).filter((column) => column.dataset === dataset);
}

function columnsOf(dataset: DatasetProfile, columns: readonly Column[]): Column[] {
  return columns.filter((column) => column.dataset === dataset);
}

/** A plan needs a step, so without any dataset there is one that does nothing. */
function stepsOf(
  datasets: readonly DatasetProfile[],
  columns: readonly Column[],
  tables: readonly DraftedTable[],
): Step[] {
  const ids = new StepIds(datasets.map(({ datasetKey }) => datasetKey));
  const profiled = datasets.slice(0, MAX_PROFILES);
  const maxBytes = Math.min(MAX_PROFILE_BYTES, Math.floor(MAX_PROFILES_BYTES / Math.max(profiled.length, 1)));
  const profiles = profiled.map((dataset) => datasetProfile(dataset, columnsOf(dataset, columns), maxBytes));
  const steps = [...profiles, ...tables.slice(0, MAX_TABLES)].flatMap((table) => toSteps(table, ids));
  if (steps.length > 0) return steps;
  return [
    {
      step_id: 'nothing_to_analyse',
      type: 'noop',
      params: {},
      purpose: 'There is no dataset to analyse yet',
    },
  ];
}

function assumptionsOf(mentions: readonly Mention[], tables: readonly DraftedTable[]): DraftAssumption[] {
  if (tables.length === 0) return [];
  const assumptions = [
    {
      id: 'missing_values',
      text: 'Rows in which a column of a table has no value are left out of that table.',
    },
  ];
  const [first, second] = mentions.map(({ column }) => column).filter(({ kind }) => kind === 'number');
  if (first !== undefined && second !== undefined) {
    assumptions.push({
      id: 'outcome',
      text: `${label(first.name)} is taken for the outcome, because it is named first.`,
    });
  }
  return assumptions;
}

function leftOut(
  datasets: readonly DatasetProfile[],
  mentions: readonly Mention[],
  tables: readonly DraftedTable[],
): DraftWarning[] {
  const warnings: DraftWarning[] = [];
  const add = (type: string, message: string): number =>
    warnings.push({ type, severity: 'warning', message });
  if (datasets.length === 0) add('no_dataset', 'The job has no dataset that could be analysed');
  if (datasets.reduce((sum, { columns }) => sum + columns.length, 0) > MAX_COLUMNS)
    add('too_many_columns', `Only the first ${MAX_COLUMNS} columns are looked at`);
  if (datasets.length > MAX_PROFILES)
    add('too_many_datasets', `Only the first ${MAX_PROFILES} datasets are profiled`);
  if (tables.length > MAX_TABLES)
    add('too_many_tables', `Only the first ${MAX_TABLES} of ${tables.length} tables are drafted`);
  if (new Set(mentions.map(({ column }) => column.dataset)).size > 1) {
    add(
      'datasets_not_joined',
      'Columns of several datasets are named; the rules analyse each dataset by itself',
    );
  }
  return warnings;
}
