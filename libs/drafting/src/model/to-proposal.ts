import type { Answered } from '#llm';
import type { DraftProposal, DraftWarning } from '../drafter.js';
import type { StepFault } from './bound-steps.js';
import type { DraftAnswer } from './draft-answer.js';

/** A checked answer as a draft, which says who wrote it and what was dropped of it. */
export function toProposal(
  { value, model }: Answered<DraftAnswer>,
  dropped: readonly StepFault[],
): DraftProposal {
  const notes = dropped.map(({ stepId, message }): DraftWarning => ({
    type: 'step_dropped',
    severity: 'warning',
    message: `Step ${stepId} was dropped, because it cannot run: ${message}`,
  }));
  return {
    source: 'model',
    text: `This draft was written by the language model ${model}; its SQL was checked against the columns of the data.\n\n${value.text}`,
    steps: value.steps,
    assumptions: value.assumptions.map((text, index) => ({ id: `assumption_${index + 1}`, text })),
    questions: value.questions.map(({ text, options }, index) => ({
      question_id: `question_${index + 1}`,
      text,
      options: options.map((label, place) => ({ option_id: `option_${place + 1}`, label, value: label })),
    })),
    warnings: [
      ...notes,
      ...value.warnings.map(({ message, severity }): DraftWarning => ({ type: 'model', severity, message })),
    ],
  };
}
