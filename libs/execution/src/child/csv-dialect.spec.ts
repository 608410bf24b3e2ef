import { describe, expect, it } from '@jest/globals';
import { findDelimiter } from './csv-dialect.js';

describe('findDelimiter', () => {
  it.each([
    ['a,b,c', ','],
    ['a;b;c,d', ';'],
    ['a\tb', '\t'],
    ['"a;b;c","d""e;f"', ','],
    ['a|b', '|'],
    ['only one', null],
    ['', null],
  ])('finds in %j the delimiter %j', (header, delimiter) => {
    expect(findDelimiter(header)).toBe(delimiter);
  });
});
