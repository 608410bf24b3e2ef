/** Under which bounds models are asked. Every field has a setting (docs/configuration.md). */
export interface CallPolicy {
  /** One attempt. */
  timeoutMs: number;
  /** Of one provider for one call. */
  maxAttempts: number;
  backoffBaseMs: number;
  backoffMaxMs: number;
  /** All attempts, waits and repairs of one question together. */
  totalMs: number;
  /** A longer `Retry-After` is not waited for in a slot. */
  retryAfterCapMs: number;
  /** One that is longer than this is a refusal. */
  maxPostponeMs: number;
  /** How long an answer may still come after its timeout, to be recorded. */
  lateMs: number;
  /** How many such answers are waited for at a time. */
  maxLate: number;
  /** Faults in a row after which a provider is left alone. */
  breakerFailures: number;
  breakerOpenMs: number;
}

export const CALL_POLICY: CallPolicy = {
  timeoutMs: 30_000,
  maxAttempts: 3,
  backoffBaseMs: 1_000,
  backoffMaxMs: 30_000,
  totalMs: 110_000,
  retryAfterCapMs: 20_000,
  maxPostponeMs: 7 * 24 * 3_600_000,
  lateMs: 30_000,
  maxLate: 16,
  breakerFailures: 5,
  breakerOpenMs: 30_000,
};

/** Full jitter: anything from nothing up to what doubles with every attempt. `attempt` is the one that failed. */
export function backoffMs(policy: CallPolicy, attempt: number, random: number): number {
  const most = Math.min(policy.backoffMaxMs, policy.backoffBaseMs * 2 ** (attempt - 1));
  return Math.floor(random * (most + 1));
}
