import { describe, expect, it } from '@jest/globals';
import { backoffMs, CALL_POLICY } from './call-policy.js';

const ALMOST_ONE = 1 - Number.EPSILON;

describe('the wait before the next attempt', () => {
  it('is anything from nothing up to a bound that doubles, and never more than the most', () => {
    const bounds = [1, 2, 3, 4, 5, 6, 60].map((attempt) => backoffMs(CALL_POLICY, attempt, ALMOST_ONE));
    expect(bounds).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(backoffMs(CALL_POLICY, 5, 0)).toBe(0);
    expect(backoffMs(CALL_POLICY, 5, 0.5)).toBe(8_000);
  });
});
