import { describe, expect, it } from '@jest/globals';
import { editDistance, isSlipOf } from './edit-distance.js';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['spceies', 'species', 1],
    ['ca', 'abc', 3],
  ])('is right for %p and %p', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
});

describe('isSlipOf', () => {
  it('allows more slips in longer names, and none in short ones', () => {
    expect(isSlipOf('sax', 'sex')).toBe(false);
    expect(isSlipOf('iland', 'island')).toBe(true);
    expect(isSlipOf('ilnad', 'island')).toBe(false);
    expect(isSlipOf('bodymsas', 'bodymass')).toBe(true);
  });

  it('wants the first letter and the digits to be right', () => {
    expect(isSlipOf('height', 'weight')).toBe(false);
    expect(isSlipOf('score2', 'score1')).toBe(false);
  });
});
