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
  source: 'rules';
  text: string;
  steps: Step[];
  assumptions: DraftAssumption[];
  questions: DraftQuestion[];
  warnings: DraftWarning[];
}

/** Turns a question and what is known of the data into a proposal that `parsePlan` accepts. */
export interface Drafter {
  draft(request: DraftRequest, signal: AbortSignal): Promise<DraftProposal>;
}
