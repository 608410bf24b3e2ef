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

export interface Plan {
  plan_version: typeof PLAN_VERSION;
  steps: Step[];
}
