import { describe, expect, it } from '@jest/globals';
import { lookUntil, type Patience, waitMsOf } from './prefer-wait.js';

describe('waitMsOf', () => {
  it.each([
    ['wait=10', 10_000],
    ['WAIT = 10', 10_000],
    ['wait="7"', 7_000],
    ['respond-async, wait=2', 2_000],
    ['respond-async; wait=2', 2_000],
    ['wait=0', 0],
    ['wait=61', 60_000],
    ['wait=999999', 60_000],
  ])('reads %s', (header, waitMs) => {
    expect(waitMsOf(header)).toBe(waitMs);
  });

  it.each([undefined, '', 'return=minimal', 'wait', 'wait=', 'wait=-1', 'await=10', 'wait=soon'])(
    'does not wait for %p',
    (header) => {
      expect(waitMsOf(header)).toBe(0);
    },
  );

  it('reads a header that came twice', () => {
    expect(waitMsOf(['return=minimal', 'wait=3'])).toBe(3_000);
  });
});

describe('lookUntil', () => {
  const forMs = (waitMs: number): Patience => ({ waitMs, gone: new AbortController().signal });

  it('looks once when it may not wait', async () => {
    let looks = 0;
    expect(
      await lookUntil(
        forMs(0),
        () => Promise.resolve(++looks),
        () => false,
      ),
    ).toBe(1);
  });

  it('ends with the first look that is settled', async () => {
    let looks = 0;
    expect(
      await lookUntil(
        forMs(60_000),
        () => Promise.resolve(++looks),
        (seen) => seen === 3,
      ),
    ).toBe(3);
  });

  it('ends in time with what it saw last', async () => {
    const begun = performance.now();
    let looks = 0;
    const seen = await lookUntil(
      forMs(120),
      () => Promise.resolve(++looks),
      () => false,
    );
    expect(seen).toBe(looks);
    expect(looks).toBeGreaterThan(1);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });

  it('ends when nobody waits any more, without another look', async () => {
    const leaving = new AbortController();
    let looks = 0;
    const begun = performance.now();
    const look = (): Promise<number> => {
      setTimeout(() => {
        leaving.abort();
      }, 5);
      return Promise.resolve(++looks);
    };
    expect(await lookUntil({ waitMs: 60_000, gone: leaving.signal }, look, () => false)).toBe(1);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });

  it('ends with the error of a look', async () => {
    const look = (): Promise<number> => Promise.reject(new Error('gone'));
    await expect(lookUntil(forMs(1_000), look, () => true)).rejects.toThrow('gone');
  });
});
