import { findCycle } from './execution-order.js';
import { PLAN_VERSION, type CommandStep, type Plan } from './plan.js';

/** A step of a legacy plan (`plan_version` 1). All its types were programs in Stata. */
export interface StepOfVersion1 {
  step_id: string;
  type: string;
  /** The params as JSON text, its keys in order: the same params give the same plan id. */
  params: string;
  depends_on: readonly string[];
  produces: readonly string[];
  purpose: string;
  timeout_seconds: number | null;
}

export interface UpgradedPlan {
  plan: Plan;
  /** The ids of steps that wait for each other, which version 1 let pass; such a plan cannot run. */
  cycle: string[] | null;
}

/** The profile of commands that carries legacy steps out; the operator registers what it starts. */
export const STATA_PROFILE = 'stata';

/**
 * Lifts a plan from version 1 to 2: each Stata step becomes a command of the profile `stata`, which is told the old
 * type and params. Fallback steps have no counterpart; the job's `legacy` column keeps them.
 */
export function upgradeFromVersion1(old: readonly StepOfVersion1[]): UpgradedPlan {
  const ids = new Map(old.map((step, index) => [step.step_id, newId(step.step_id, index, old)]));
  const renamed = (id: string): string => ids.get(id) ?? id;
  const steps = old.map((step): CommandStep => ({
    step_id: renamed(step.step_id),
    type: 'command',
    params: { profile: STATA_PROFILE, args: ['--type', step.type, '--params', step.params] },
    ...(step.depends_on.length > 0 ? { depends_on: [...new Set(step.depends_on.map(renamed))] } : {}),
    ...(step.timeout_seconds === null ? {} : { timeout_seconds: step.timeout_seconds }),
    ...(step.produces.length > 0 ? { produces: [...new Set(step.produces)] } : {}),
    ...(step.purpose === '' ? {} : { purpose: step.purpose }),
  }));
  return {
    plan: { plan_version: PLAN_VERSION, steps },
    cycle: findCycle(new Map(steps.map((step) => [step.step_id, step.depends_on ?? []]))),
  };
}

/** An id that tables and files can carry: version 1 took any text. */
function newId(id: string, index: number, all: readonly StepOfVersion1[]): string {
  if (/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(id)) return id;
  const wanted = `step_${String(index + 1)}`;
  return all.some((other) => other.step_id === wanted) ? `legacy_${wanted}` : wanted;
}
