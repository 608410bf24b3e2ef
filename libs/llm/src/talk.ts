import type { DayBudget, KeptAnswer } from './call-ledger.js';
import type { ModelMessage } from './model.js';

/** For whom and about what; all questions of a conversation share it. */
export interface Talk {
  tenantId: string;
  subjectId: string;
  taskId: string;
  budget: DayBudget;
  /** Goes into every event of the log. */
  labels: Readonly<Record<string, string>>;
  /** Is told of each question and what became of it, for whoever keeps prompts and answers. */
  onExchange?: (told: ToldExchange) => void;
}

/** A question with its answer, if one came. */
export interface ToldExchange {
  operation: string;
  messages: readonly ModelMessage[];
  answer: KeptAnswer | null;
  isValid: boolean;
}
