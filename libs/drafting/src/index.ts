export type {
  ColumnProfile,
  DatasetProfile,
  DraftAssumption,
  DraftContext,
  DraftProposal,
  DraftQuestion,
  DraftRequest,
  DraftWarning,
  Drafter,
  QuestionOption,
} from './drafter.js';
export { RulesDrafter } from './rules-drafter.js';
export { DRAFT_SCHEMA_NAME } from './model/draft-answer.js';
export { ModelDrafter, type ModelDrafterOptions, type SqlChecker } from './model/model-drafter.js';
export { type PromptColumn, type PromptData } from './model/prompt-data.js';
