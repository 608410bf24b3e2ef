import { FieldReader } from './field-reader.js';
import type { PlanFaults } from './plan-faults.js';
import type { PlanLimits } from './plan-limits.js';
import type { PlanOptionFields, RetryPolicy } from './plan.js';

export const PLAN_OPTION_KEYS = ['retry', 'timeout_seconds'] as const;
const RETRY_KEYS = ['max_attempts', 'backoff_base_seconds', 'backoff_max_seconds', 'codes'];

/** The codes of failures: upper-case words. Which there are is the business of those who fail. */
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

/** What holds for the plan as a whole. As with steps, what is absent stays absent. */
export function readPlanOptions(
  fields: FieldReader,
  faults: PlanFaults,
  limits: PlanLimits,
): PlanOptionFields {
  const options: PlanOptionFields = {};
  if (fields.has('retry')) {
    const retry = FieldReader.over(fields.value('retry'), '/retry', faults, RETRY_KEYS);
    if (retry !== null) options.retry = readRetry(retry, limits);
  }
  if (fields.has('timeout_seconds')) {
    const seconds = fields.integer('timeout_seconds', 1, limits.planTimeoutSeconds);
    if (seconds !== null) options.timeout_seconds = seconds;
  }
  return options;
}

function readRetry(fields: FieldReader, limits: PlanLimits): RetryPolicy {
  const retry: RetryPolicy = {};
  if (fields.has('max_attempts')) {
    const attempts = fields.integer('max_attempts', 1, limits.attempts);
    if (attempts !== null) retry.max_attempts = attempts;
  }
  for (const key of ['backoff_base_seconds', 'backoff_max_seconds'] as const) {
    if (!fields.has(key)) continue;
    const seconds = fields.integer(key, 0, limits.backoffSeconds);
    if (seconds !== null) retry[key] = seconds;
  }
  if (fields.has('codes')) {
    const codes = fields.distinctTexts('codes', limits.retryCodes, (code) =>
      CODE.test(code) ? null : 'must be the code of a failure, such as STEP_TIMED_OUT',
    );
    if (codes !== null) retry.codes = codes;
  }
  return retry;
}
