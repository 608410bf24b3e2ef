export { canonicalJson } from './canonical-json.js';
export { dependenciesOf, executionOrder } from './execution-order.js';
export { fingerprint, type FingerprintedDataset } from './fingerprint.js';
export { parsePlan, type PlanOptions } from './parse-plan.js';
export { PLAN_LIMITS, type PlanLimits } from './plan-limits.js';
export { planId } from './plan-id.js';
export { commandNeed, planNeeds } from './plan-needs.js';
export { PlanInvalid } from './plan-invalid.js';
export { PLAN_VERSIONS } from './plan-versions.js';
export {
  PLAN_VERSION,
  STEP_TYPES,
  type ChartStep,
  type CommandStep,
  type NoopStep,
  type Plan,
  type PlanOptionFields,
  type RetryPolicy,
  type SqlStep,
  type Step,
  type StepType,
} from './plan.js';
export {
  STATA_PROFILE,
  type StepOfVersion1,
  type UpgradedPlan,
  upgradeFromVersion1,
} from './upgrade-from-1.js';
