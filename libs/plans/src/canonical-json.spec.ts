import { describe, expect, it } from '@jest/globals';
import { canonicalJson } from './canonical-json.js';

describe('canonicalJson', () => {
  it('sorts keys by UTF-16 code units, in every object', () => {
    const keys = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };
    expect(Object.values(JSON.parse(canonicalJson({ keys })) as object)).toEqual([
      { '\r': 2, '1': 4, '\u0080': 6, '\u00f6': 7, '\u20ac': 1, '\ud83d\ude00': 5, '\ufb33': 3 },
    ]);
    expect(canonicalJson(keys)).toBe(
      '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}',
    );
  });

  it.each([
    [-0, '0'],
    [1e21, '1e+21'],
    [1e-7, '1e-7'],
    [Number('333333333.33333329'), '333333333.3333333'],
    [4.5, '4.5'],
    [2 ** 53 + 2, '9007199254740994'],
  ])('writes the number %p as %s', (number, text) => {
    expect(canonicalJson(number)).toBe(text);
  });

  it('writes no white space and escapes only what must be escaped', () => {
    expect(canonicalJson({ b: [1, { y: null, x: true }], a: 'é\n"\\/\u000f' })).toBe(
      '{"a":"é\\n\\"\\\\/\\u000f","b":[1,{"x":true,"y":null}]}',
    );
  });

  it('leaves out what is undefined, as JSON does', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  it.each([[Number.NaN], [Infinity], [1n], [undefined], ['\ud800'], [{ '\udc00': 1 }], [[(): number => 1]]])(
    'has no text for %p',
    (value) => {
      expect(() => canonicalJson(value)).toThrow(TypeError);
    },
  );
});
