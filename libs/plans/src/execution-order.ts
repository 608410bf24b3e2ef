import { PlanInvalid } from './plan-invalid.js';
import type { Plan, Step } from './plan.js';

/**
 * The ids that must be done before this step: what it says itself, and for a chart the step that it draws,
 * which needs no second mention in `depends_on`.
 */
export function dependenciesOf(step: Step): string[] {
  const named = step.depends_on ?? [];
  return step.type === 'chart' ? [...new Set([...named, step.params.step])] : [...named];
}

/** The steps with each behind its dependencies; where those leave a choice, the written order holds. */
export function executionOrder(plan: Plan): Step[] {
  const waiting = [...plan.steps];
  const done = new Set<string>();
  const order: Step[] = [];
  while (waiting.length > 0) {
    const next = waiting.findIndex((step) => dependenciesOf(step).every((id) => done.has(id)));
    const step = waiting[next];
    if (step === undefined) throw new PlanInvalid([{ pointer: '/steps', detail: 'cannot be ordered' }]);
    waiting.splice(next, 1);
    done.add(step.step_id);
    order.push(step);
  }
  return order;
}

/** The ids along one cycle, the first repeated at the end; null when there is none. */
export function findCycle(dependencies: ReadonlyMap<string, readonly string[]>): string[] | null {
  const settled = new Set<string>();
  const path: string[] = [];
  const visit = (id: string): string[] | null => {
    if (settled.has(id)) return null;
    const start = path.indexOf(id);
    if (start >= 0) return [...path.slice(start), id];
    path.push(id);
    for (const dependency of dependencies.get(id) ?? []) {
      const cycle = visit(dependency);
      if (cycle !== null) return cycle;
    }
    path.pop();
    settled.add(id);
    return null;
  };
  for (const id of dependencies.keys()) {
    const cycle = visit(id);
    if (cycle !== null) return cycle;
  }
  return null;
}
