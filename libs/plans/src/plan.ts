/** The plan: what a worker will do, step by step. The current write version of the document. */
export const PLAN_VERSION = 2;

export const STEP_TYPES = ['sql', 'chart', 'command', 'noop'] as const;
export type StepType = (typeof STEP_TYPES)[number];

interface StepBase {
  step_id: string;
  /** Ids of steps that must be done before this one. */
  depends_on?: string[];
  /** Bound on this step's run time, in seconds; the worker's default applies when absent. */
  timeout_seconds?: number;
  /** Paths of artifacts that the step promises to make, for people to read. */
  produces?: string[];
  /** Why the step is there, for people to read. */
  purpose?: string;
}

/** One SELECT over the job's datasets and earlier steps' tables, carried out by DuckDB. */
export interface SqlStep extends StepBase {
  type: 'sql';
  params: { sql: string };
}

/** A Vega-Lite spec over the table of the step that `params.step` names. */
export interface ChartStep extends StepBase {
  type: 'chart';
  params: { step: string; spec: Record<string, unknown> };
}

/** A program that the operator registered as a profile, with a list of arguments. */
export interface CommandStep extends StepBase {
  type: 'command';
  params: { profile: string; args: string[] };
}

export interface NoopStep extends StepBase {
  type: 'noop';
  params: Record<string, never>;
}

export type Step = SqlStep | ChartStep | CommandStep | NoopStep;

/** How a plan wants failed runs tried again; what it does not name is the worker's own setting. */
export interface RetryPolicy {
  /** Runs that may fail before the job does; 1: no second try. */
  max_attempts?: number;
  /** The pause after the first failure, in seconds; it doubles with each, up to the maximum. */
  backoff_base_seconds?: number;
  backoff_max_seconds?: number;
  /** Codes of failures that are worth another try here, beside those that always are. */
  codes?: string[];
}

/** What holds for the plan as a whole. */
export interface PlanOptionFields {
  retry?: RetryPolicy;
  /** Bound on one run of the plan, in seconds. */
  timeout_seconds?: number;
}

export interface Plan extends PlanOptionFields {
  plan_version: typeof PLAN_VERSION;
  steps: Step[];
}
