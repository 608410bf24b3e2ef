/**
 * How large a plan may be. Generous for people and programs, small enough that a plan fits into one row,
 * one log of an incident and one page of a browser.
 */
export const PLAN_LIMITS = {
  steps: 200,
  /** Of the whole plan as canonical JSON, in UTF-8. */
  planBytes: 1_000_000,
  /** Objects and arrays inside each other, the plan itself being the first. */
  depth: 32,
  sqlBytes: 100_000,
  args: 100,
  argBytes: 4_000,
  timeoutSeconds: 86_400,
  planTimeoutSeconds: 7 * 86_400,
  attempts: 100,
  backoffSeconds: 86_400,
  retryCodes: 50,
  produces: 100,
  pathChars: 255,
  purposeChars: 2_000,
  profileChars: 64,
} as const;

/** The same limits with other numbers: a deployment, or a test, may choose its own. */
export type PlanLimits = { readonly [name in keyof typeof PLAN_LIMITS]: number };
