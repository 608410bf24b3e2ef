import { planId, type UpgradedPlan, upgradeFromVersion1 } from '#plans';
import { legacyLine } from '../format/legacy-json.js';
import type { LegacyPlan, LegacyStep } from '../format/legacy-job.js';

const MAX_TIMEOUT_SECONDS = 86_400;

export interface LiftedPlan extends UpgradedPlan {
  planId: string;
}

/** The legacy plan as a plan of this release, with the id that it has here. */
export function liftPlan(plan: LegacyPlan, inputsFingerprint: string | null): LiftedPlan {
  const upgraded = upgradeFromVersion1(
    plan.steps.map((step) => ({
      step_id: step.step_id,
      type: step.type,
      // Keys in order, so that a plan has one id whatever wrote it.
      params: legacyLine(step.params),
      depends_on: step.depends_on,
      produces: step.produces,
      purpose: step.purpose,
      timeout_seconds: timeoutOf(step),
    })),
  );
  return { ...upgraded, planId: planId(upgraded.plan, inputsFingerprint) };
}

function timeoutOf(step: LegacyStep): number | null {
  const { timeout_seconds: seconds } = step.params;
  if (typeof seconds !== 'number' || seconds < 1 || seconds > MAX_TIMEOUT_SECONDS) return null;
  return seconds;
}
