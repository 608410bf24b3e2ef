/** Plans, shortly. */
type Step = Readonly<Record<string, unknown>>;

export function planOf(...steps: readonly object[]): Step {
  return { plan_version: 2, steps };
}

export function noop(stepId: string, more: Step = {}): Step {
  return { step_id: stepId, type: 'noop', params: {}, ...more };
}

export function sql(stepId: string, text: string, more: Step = {}): Step {
  return { step_id: stepId, type: 'sql', params: { sql: text }, ...more };
}

/** Would take days, and cannot be guessed without counting. */
export const ENDLESS_SQL =
  'SELECT sum(a.range * b.range % 7) AS n FROM range(10000000) AS a, range(100000000) AS b';
