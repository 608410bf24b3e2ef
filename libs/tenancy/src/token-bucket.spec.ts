import { describe, expect, it } from '@jest/globals';
import { TokenBucket } from './token-bucket.js';

/** How many of so many tries get a token at this time. */
function taken(bucket: TokenBucket, now: number, tries = 1_000): number {
  return Array.from({ length: tries }, () => bucket.tryTake(now)).filter(Boolean).length;
}

describe('a bucket of tokens', () => {
  it('holds one second’s worth for a burst, and no more however long nobody comes', () => {
    const bucket = new TokenBucket(10, 0);
    expect(taken(bucket, 0)).toBe(10);
    expect(taken(bucket, 3_600_000)).toBe(10);
  });

  it('gives its rate over any length of time, whenever they come', () => {
    const bucket = new TokenBucket(10, 0);
    taken(bucket, 0);
    let given = 0;
    for (let now = 1; now <= 60_000; now += 7) given += taken(bucket, now, 3);
    expect(given).toBeGreaterThanOrEqual(599);
    expect(given).toBeLessThanOrEqual(600);
  });

  it('tells how many are left', () => {
    const bucket = new TokenBucket(4, 0);
    taken(bucket, 0, 3);
    expect([bucket.left(0), bucket.left(250), bucket.left(499), bucket.left(10_000)]).toEqual([1, 2, 2, 4]);
  });

  it('takes back what was not used, and stays no fuller than full', () => {
    const bucket = new TokenBucket(2, 0);
    bucket.giveBack();
    expect(taken(bucket, 0)).toBe(2);
    bucket.giveBack();
    expect(taken(bucket, 0)).toBe(1);
  });

  it('follows another rate at once, without a burst for free', () => {
    const bucket = new TokenBucket(100, 0);
    bucket.setRate(10, 0);
    expect(taken(bucket, 0)).toBe(10);
    bucket.setRate(100, 0);
    expect(taken(bucket, 0)).toBe(0);
    expect(taken(bucket, 500)).toBe(50);
  });
});
