import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sortedJson } from '../rows/sorted-json.js';
import { legacyJson } from './legacy-json.js';
import { parseJson } from './parse-json.js';

describe('legacyJson', () => {
  it('writes as the legacy service does: keys by code point, two spaces, characters as they are', () => {
    const { value } = parseJson('{"b": [], "\u{1f600}": 1, "\uffe6": 2, "a": {"x": [1, "é\\n"], "y": {}}}');
    expect(legacyJson(value)).toBe(
      '{\n  "a": {\n    "x": [\n      1,\n      "é\\n"\n    ],\n    "y": {}\n  },\n  "b": [],\n  "\uffe6": 2,\n  "\u{1f600}": 1\n}',
    );
  });

  it.each([
    ['1e+308', '1e+308'],
    ['5e-324', '5e-324'],
    ['1e-5', '1e-05'],
    ['2.0', '2.0'],
    ['0.1', '0.1'],
    ['123456789.125', '123456789.125'],
    ['1e16', '1e+16'],
    ['0.12345678901234567890', '0.12345678901234567890'],
    ['9223372036854775807', '9223372036854775807'],
  ])('writes %s as Python writes it: %s', (literal, written) => {
    expect(legacyJson(parseJson(literal).value)).toBe(written);
  });

  it('is read again as what it was, whatever the document', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const { value } = parseJson(text);
        expect(sortedJson(parseJson(legacyJson(value)).value)).toBe(sortedJson(value));
      }),
    );
  });
});
