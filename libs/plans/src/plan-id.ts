import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';
import type { Plan } from './plan.js';

/** The plan's id: the same steps over the same inputs have the same id, anything else another. */
export function planId(plan: Plan, inputsFingerprint: string | null): string {
  return createHash('sha256')
    .update(canonicalJson({ plan, inputs_fingerprint: inputsFingerprint }))
    .digest('hex');
}
