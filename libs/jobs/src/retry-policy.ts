import type { RetryPolicy } from '#plans';
import { isRunFailureCode, RUN_FAILURES } from './run-failures.js';

/** The worker's own settings, for what a plan does not say. */
export interface RetryDefaults {
  maxAttempts: number;
  backoffBaseMs: number;
  backoffMaxMs: number;
}

/**
 * How long to wait before the next run, in milliseconds; null when this failure is the job's end. The pause doubles
 * with every failure up to the maximum, and half of it is chance, so that jobs which failed together come back apart.
 * `attempt` is the number of the run that failed, from 1; `chance` is between 0 and 1.
 */
export function retryDelay(
  failure: { code: string; attempt: number },
  policy: RetryPolicy,
  defaults: RetryDefaults,
  chance: number = Math.random(),
): number | null {
  const { code, attempt } = failure;
  if (attempt >= (policy.max_attempts ?? defaults.maxAttempts)) return null;
  const retriable = isRunFailureCode(code) && RUN_FAILURES[code].retry;
  if (!retriable && !policy.codes?.includes(code)) return null;
  const base = milliseconds(policy.backoff_base_seconds) ?? defaults.backoffBaseMs;
  const longest = milliseconds(policy.backoff_max_seconds) ?? Math.max(defaults.backoffMaxMs, base);
  // 2 ** 30 of anything is past every maximum; more would overflow into Infinity and beyond.
  const pause = Math.min(base * 2 ** Math.min(attempt - 1, 30), longest);
  return Math.round(pause * (0.5 + 0.5 * chance));
}

function milliseconds(seconds: number | undefined): number | null {
  return seconds === undefined ? null : seconds * 1_000;
}
