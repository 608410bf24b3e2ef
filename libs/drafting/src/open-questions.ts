import type { Column } from './column.js';
import type { Mention } from './column-mentions.js';
import type { DraftAssumption, DraftQuestion, QuestionOption } from './drafter.js';
import { label } from './sql-names.js';

/** More options than this is a list of columns, not a question. */
const MAX_OPTIONS = 20;

/** What to ask when the requirement names no column that the rules can use. */
export function questionsAboutNothing(columns: readonly Column[]): DraftQuestion[] {
  return [
    question('outcome', 'Which column is the outcome?', ofKind(columns, 'number')),
    question('group_by', 'By which column should it be grouped?', ofKind(columns, 'category')),
  ].filter(({ options }) => options.length > 0);
}

/** What to ask, and what was taken for granted meanwhile, where words did not name one column clearly. */
export function openMentions(mentions: readonly Mention[]): {
  questions: DraftQuestion[];
  assumptions: DraftAssumption[];
} {
  const open = mentions.filter(({ alternatives }) => alternatives.length > 0);
  return {
    questions: open.map(({ column, alternatives, words }, index) =>
      question(`column_${index + 1}`, `Which column does “${label(words)}” mean?`, [column, ...alternatives]),
    ),
    assumptions: mentions
      .filter(({ isGuess, alternatives }) => isGuess || alternatives.length > 0)
      .map(({ column, words }, index) => ({
        id: `column_${index + 1}`,
        text: `“${label(words)}” is read as column ${placed(column)}.`,
      })),
  };
}

/** The column with its dataset, for people. */
export function placed({ dataset, name }: Column): string {
  return `${label(name)} (${label(dataset.originalName)})`;
}

function ofKind(columns: readonly Column[], kind: Column['kind']): Column[] {
  return columns.filter((column) => column.kind === kind);
}

function question(questionId: string, text: string, columns: readonly Column[]): DraftQuestion {
  const manyDatasets = new Set(columns.map(({ dataset }) => dataset)).size > 1;
  const options = columns.slice(0, MAX_OPTIONS).map((column, index): QuestionOption => ({
    option_id: `option_${index + 1}`,
    label: manyDatasets ? placed(column) : label(column.name),
    value: `${column.dataset.datasetKey}.${column.name}`,
  }));
  return { question_id: questionId, text, options };
}
