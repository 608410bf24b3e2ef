import { describe, expect, it } from '@jest/globals';
import { Random } from './random.js';

const some = (seed: string): number[] => {
  const random = new Random(seed);
  return Array.from({ length: 1_000 }, () => random.next());
};

describe('Random', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    expect(some('7/kill')).toEqual(some('7/kill'));
    expect(some('7/kill')).not.toEqual(some('8/kill'));
  });

  it('spreads evenly', () => {
    const numbers = some('any');
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const inIt = numbers.filter((number) => Math.floor(number * 10) === tenth);
      expect(inIt.length).toBeGreaterThan(60);
    }
  });

  it('picks by weight, reaches both ends, and loses nothing when it shuffles', () => {
    const random = new Random('any');
    const drawn = Array.from({ length: 400 }, () =>
      random.weighted([
        [3, 'often'],
        [1, 'seldom'],
        [0, 'never'],
      ]),
    );
    expect(drawn.filter((name) => name === 'often').length).toBeGreaterThan(250);
    expect(drawn).toContain('seldom');
    expect(drawn).not.toContain('never');
    expect(new Set(Array.from({ length: 100 }, () => random.whole(1, 3)))).toEqual(new Set([1, 2, 3]));
    expect(random.shuffled([1, 2, 3, 4, 5]).sort()).toEqual([1, 2, 3, 4, 5]);
    expect(() => random.pick([])).toThrow();
  });
});
