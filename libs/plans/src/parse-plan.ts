import { canonicalJson } from './canonical-json.js';
import { FieldReader } from './field-reader.js';
import { copyAsJson } from './plain-json.js';
import { PlanFaults } from './plan-faults.js';
import { PLAN_LIMITS, type PlanLimits } from './plan-limits.js';
import { PLAN_VERSIONS, versionFault } from './plan-versions.js';
import type { Plan, Step } from './plan.js';
import { PLAN_OPTION_KEYS, readPlanOptions } from './read-plan-options.js';
import { readStep } from './read-step.js';
import { checkReferences } from './step-references.js';

export interface PlanOptions {
  /** The operator's command profiles; without the list any name passes. */
  commandProfiles?: readonly string[];
  /** Tables that exist before the first step; a step must not take the name of one. */
  datasetKeys?: readonly string[];
  /** Other limits than `PLAN_LIMITS`. */
  limits?: Partial<PlanLimits>;
}

/**
 * The plan in an unknown value, as a copy that shares nothing with it, or a `PlanInvalid` that names every fault.
 * What passes here can be stored as jsonb, hashed, ordered and carried out.
 */
export function parsePlan(input: unknown, options: PlanOptions = {}): Plan {
  const limits = { ...PLAN_LIMITS, ...options.limits };
  const faults = new PlanFaults();
  const fields = FieldReader.over(copyAsJson(input, '', faults, limits.depth), '', faults, [
    'plan_version',
    'steps',
    ...PLAN_OPTION_KEYS,
  ]);
  const read = fields !== null && versionIsRead(fields) ? fields : null;
  const steps = read ? readSteps(read, faults, limits, options) : [];
  const planOptions = read ? readPlanOptions(read, faults, limits) : {};
  faults.throwIfAny();
  const plan: Plan = { plan_version: PLAN_VERSIONS.write, steps, ...planOptions };
  if (Buffer.byteLength(canonicalJson(plan)) > limits.planBytes) {
    faults.add('', `must have at most ${limits.planBytes} bytes as JSON`);
  }
  faults.throwIfAny();
  return plan;
}

/** Faults in the steps of another version would mislead, so the version is asked before anything else. */
function versionIsRead(fields: FieldReader): boolean {
  if (!fields.has('plan_version')) fields.refuse('plan_version', 'is required');
  const fault = versionFault(fields.value('plan_version'));
  if (fault !== null) fields.refuse('plan_version', fault);
  return fault === null;
}

function readSteps(
  fields: FieldReader,
  faults: PlanFaults,
  limits: PlanLimits,
  options: PlanOptions,
): Step[] {
  const items = fields.value('steps');
  if (!Array.isArray(items) || items.length === 0 || items.length > limits.steps) {
    fields.refuse('steps', `must be a list of 1 to ${limits.steps} steps`);
    return [];
  }
  const commandProfiles = options.commandProfiles ?? null;
  const steps = items.map((item, index) =>
    readStep(item, { at: `/steps/${index}`, faults, limits, commandProfiles }),
  );
  checkReferences(items, steps, faults, options.datasetKeys ?? []);
  return steps.filter((step) => step !== null);
}
