export type {
  ColumnProfile,
  DatasetProfile,
  DraftAssumption,
  DraftProposal,
  DraftQuestion,
  DraftRequest,
  DraftWarning,
  Drafter,
  QuestionOption,
} from './drafter.js';
export { RulesDrafter } from './rules-drafter.js';
