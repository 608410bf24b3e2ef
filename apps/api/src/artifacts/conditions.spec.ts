import { describe, expect, it } from '@jest/globals';
import { isKnown, isRangeWanted } from './conditions.js';

const ETAG = '"abc"';

describe('conditions of a download', () => {
  it.each(['"abc"', 'W/"abc"', '"x", "abc"', '*', '"x" , W/"abc"'])('knows the file by %s', (header) => {
    expect(isKnown(header, ETAG)).toBe(true);
  });

  it.each(['"abd"', 'abc', '', '"ab", "c"'])('does not know it by %s', (header) => {
    expect(isKnown(header, ETAG)).toBe(false);
  });

  it('knows nothing without a header or a tag', () => {
    expect([isKnown(undefined, ETAG), isKnown('*', null)]).toEqual([false, false]);
  });

  it('sends a range of the same file only', () => {
    expect(
      [undefined, ETAG, '"abd"', 'W/"abc"', 'Wed, 21 Oct 2026 07:28:00 GMT'].map((header) =>
        isRangeWanted(header, ETAG),
      ),
    ).toEqual([true, true, false, false, false]);
  });
});
