import { dependenciesOf, executionOrder, PLAN_VERSION, type Step } from '#plans';

/** A step that cannot run, and what DuckDB says of it. */
export interface StepFault {
  stepId: string;
  message: string;
}

/** The queries of a draft in the order in which they would run. */
export function queriesOf(steps: readonly Step[]): { stepId: string; sql: string }[] {
  const order = executionOrder({ plan_version: PLAN_VERSION, steps: [...steps] });
  return order.flatMap((step) =>
    step.type === 'sql' ? [{ stepId: step.step_id, sql: step.params.sql }] : [],
  );
}

/** The steps without those at fault and without all that depends on them, and why each was dropped. */
export function dropFaulty(
  steps: readonly Step[],
  faults: readonly StepFault[],
): { kept: Step[]; dropped: StepFault[] } {
  const reasons = new Map(faults.map(({ stepId, message }) => [stepId, message]));
  for (let before = -1; before !== reasons.size;) {
    before = reasons.size;
    for (const step of steps) {
      const missing = dependenciesOf(step).find((id) => reasons.has(id));
      if (missing !== undefined && !reasons.has(step.step_id))
        reasons.set(step.step_id, `It needs step ${missing}, which was dropped.`);
    }
  }
  return {
    kept: steps.filter((step) => !reasons.has(step.step_id)),
    dropped: steps.flatMap(({ step_id: stepId }) => {
      const message = reasons.get(stepId);
      return message === undefined ? [] : [{ stepId, message }];
    }),
  };
}
