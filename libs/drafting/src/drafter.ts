import type { DayBudget, ToldExchange } from '#llm';
import type { Step } from '#plans';

/** What is known of one column without looking at its rows again. */
export interface ColumnProfile {
  name: string;
  /** As DuckDB names it: VARCHAR, BIGINT, DECIMAL(18,3), … */
  type: string;
  nulls: number;
  distinct: number;
  min: string | null;
  max: string | null;
}

export interface DatasetProfile {
  /** Also the name of its table in SQL. */
  datasetKey: string;
  role: string;
  originalName: string;
  rowCount: number;
  columns: ColumnProfile[];
  /** Only where the tenant allows it: a drafter may show them to a language model. */
  sampleRows?: readonly Readonly<Record<string, unknown>>[];
}

export interface DraftRequest {
  requirement: string;
  datasets: DatasetProfile[];
}

/** What the drafter took for granted and a person should look at. */
export interface DraftAssumption {
  id: string;
  text: string;
}

export interface QuestionOption {
  option_id: string;
  label: string;
  value: string;
}

export interface DraftQuestion {
  question_id: string;
  text: string;
  options: QuestionOption[];
}

export interface DraftWarning {
  type: string;
  severity: 'info' | 'warning';
  message: string;
}

export interface DraftProposal {
  /** Who wrote it; `rule_fallback`: the rules, because the language model could not be used. */
  source: 'rules' | 'model' | 'rule_fallback';
  text: string;
  steps: Step[];
  assumptions: DraftAssumption[];
  questions: DraftQuestion[];
  warnings: DraftWarning[];
}

/** For whom a draft is made, and what the tenant allows. */
export interface DraftContext {
  tenantId: string;
  jobId: string;
  /** Of the job, for the log. */
  traceId: string;
  /** One asking for a draft: what a language model answered is found again under it. */
  taskId: string;
  budget: DayBudget;
  /** Whether the rules may write the draft when the language model cannot be used. */
  ruleFallback: boolean;
  /** Is told of each question to a language model and of its answer. */
  onExchange: (told: ToldExchange) => void;
}

/** Turns a question and what is known of the data into a proposal that `parsePlan` accepts. */
export interface Drafter {
  draft(request: DraftRequest, signal: AbortSignal, context: DraftContext): Promise<DraftProposal>;
}
