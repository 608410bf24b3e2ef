import { describe, expect, it } from '@jest/globals';
import { RangeUnsatisfiable, rangeOf } from './byte-range.js';

describe('rangeOf', () => {
  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=2-5', 2, 5],
    [' bytes=2-5 ', 2, 5],
    ['bytes=5-', 5, 9],
    ['bytes=5-99', 5, 9],
    ['bytes=-3', 7, 9],
    ['bytes=-99', 0, 9],
  ])('reads %s of ten bytes', (header, start, end) => {
    expect(rangeOf(header, 10)).toEqual({ start, end });
  });

  it.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=5-2',
    'bytes=0-1,4-5',
    'lines=1-2',
    'bytes=a-b',
    'bytes=1.5-2',
  ])('sends the whole file for %p', (header) => {
    expect(rangeOf(header, 10)).toBeNull();
  });

  it.each([
    ['bytes=10-', 10],
    ['bytes=10-12', 10],
    ['bytes=-0', 10],
    ['bytes=0-', 0],
    ['bytes=-5', 0],
  ])('refuses %s of %i bytes, and says how many there are', (header, bytes) => {
    expect(() => rangeOf(header, bytes)).toThrow(RangeUnsatisfiable);
    expect(() => rangeOf(header, bytes)).toThrow(`${bytes} bytes`);
  });
});
