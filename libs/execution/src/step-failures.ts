/**
 * Every code that a step, or the reading of a dataset, can fail with. `retry` says whether the same step on the
 * same data may well succeed when it is tried again: policy and docs are built on this table.
 */
export const STEP_FAILURES = {
  SQL_NOT_ALLOWED: { retry: false, means: 'The SQL is not one single query.' },
  SQL_FAILED: { retry: false, means: 'DuckDB refused the query or failed to carry it out.' },
  RESULT_TOO_LARGE: { retry: false, means: 'The step made more rows or bytes than it may.' },
  CHART_REMOTE_DATA: { retry: false, means: 'The chart wants to load something.' },
  CHART_INVALID: { retry: false, means: 'The chart is no Vega-Lite spec that can be drawn.' },
  CHART_TOO_MANY_ROWS: { retry: false, means: 'The table has more rows than a chart may draw.' },
  TABLE_MISSING: { retry: false, means: 'The step needs a table that no earlier step made.' },
  COMMAND_PROFILE_UNKNOWN: { retry: false, means: 'The operator registered no such profile.' },
  COMMAND_ARGS_REFUSED: { retry: false, means: 'The profile does not allow these arguments.' },
  COMMAND_NOT_STARTED: { retry: false, means: 'The program of the profile could not be started.' },
  COMMAND_FAILED: { retry: false, means: 'The program ended with a code other than zero, or by a signal.' },
  COMMAND_OUTPUT_REFUSED: { retry: false, means: 'The program left something else than plain files.' },
  INPUT_PARSE_FAILED: { retry: false, means: 'A dataset is not what its format says.' },
  INPUT_EMPTY_FILE: { retry: false, means: 'A dataset holds nothing.' },
  STEP_TIMED_OUT: { retry: false, means: 'The step took longer than it may.' },
  STEP_OUT_OF_MEMORY: { retry: false, means: 'The step needed more memory than it may.' },
  STEP_PROCESS_DIED: { retry: true, means: 'The process of the step ended without an answer.' },
  STEP_INTERNAL: { retry: true, means: 'The runner itself failed.' },
} as const satisfies Record<string, { retry: boolean; means: string }>;

export type StepFailureCode = keyof typeof STEP_FAILURES;

export function isStepFailureCode(code: unknown): code is StepFailureCode {
  return typeof code === 'string' && Object.hasOwn(STEP_FAILURES, code);
}
