import { describe, expect, it } from '@jest/globals';
import { retryDelay } from './retry-policy.js';

const defaults = { maxAttempts: 3, backoffBaseMs: 5_000, backoffMaxMs: 300_000 };
const died = (attempt: number): { code: string; attempt: number } => ({ code: 'STEP_PROCESS_DIED', attempt });

describe('retryDelay', () => {
  it('doubles with every failure, up to the maximum', () => {
    const patient = { max_attempts: 100 };
    const pauses = [1, 2, 3, 4, 7, 8, 99].map((attempt) => retryDelay(died(attempt), patient, defaults, 1));
    expect(pauses).toEqual([5_000, 10_000, 20_000, 40_000, 300_000, 300_000, 300_000]);
  });

  it('leaves half of each pause to chance', () => {
    expect(retryDelay(died(2), {}, defaults, 0)).toBe(5_000);
    expect(retryDelay(died(2), {}, defaults, 1)).toBe(10_000);
  });

  it('ends with the last attempt', () => {
    expect(retryDelay(died(2), {}, defaults)).not.toBeNull();
    expect(retryDelay(died(3), {}, defaults)).toBeNull();
    expect(retryDelay(died(1), { max_attempts: 1 }, defaults)).toBeNull();
  });

  it('does not try again what would fail again, unless the plan asks for it by code', () => {
    const timedOut = { code: 'STEP_TIMED_OUT', attempt: 1 };
    expect(retryDelay(timedOut, {}, defaults)).toBeNull();
    expect(retryDelay({ code: 'NEVER_HEARD_OF', attempt: 1 }, {}, defaults)).toBeNull();
    expect(retryDelay(timedOut, { codes: ['STEP_TIMED_OUT'] }, defaults)).toBeGreaterThan(0);
  });

  it('takes the pauses of the plan before those of the worker', () => {
    const policy = { backoff_base_seconds: 0 };
    expect(retryDelay(died(1), policy, defaults, 1)).toBe(0);
    expect(retryDelay(died(1), { backoff_base_seconds: 600 }, defaults, 1)).toBe(600_000);
    expect(retryDelay(died(2), { backoff_base_seconds: 60, backoff_max_seconds: 90 }, defaults, 1)).toBe(
      90_000,
    );
  });
});
