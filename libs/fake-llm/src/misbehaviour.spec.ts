import { describe, expect, it } from '@jest/globals';
import { BEHAVIOURS, seededBehaviour } from './misbehaviour.js';

const first = (seed: number, count: number): string[] =>
  Array.from({ length: count }, (_, n) => seededBehaviour(seed, n + 1));

describe('seeded misbehaviour', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(first(1, 50)).toEqual(first(1, 50));
    expect(first(1, 50)).not.toEqual(first(2, 50));
  });

  it('answers about half of the time, and meets everything', () => {
    const many = first(7, 2_000);
    const answered = many.filter((name) => name === 'answer').length;
    expect(answered).toBeGreaterThan(900);
    expect(answered).toBeLessThan(1_200);
    expect(new Set(many)).toEqual(new Set(BEHAVIOURS));
  });
});
