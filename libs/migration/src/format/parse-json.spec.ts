import { describe, expect, it } from '@jest/globals';
import { ExactNumber } from './exact-number.js';
import { JsonFault, parseJson } from './parse-json.js';

const valueOf = (text: string): unknown => JSON.parse(JSON.stringify(parseJson(text).value));
const faultOf = (text: string): string => {
  try {
    parseJson(text);
  } catch (error) {
    if (error instanceof JsonFault) return error.reason;
  }
  return 'none';
};

describe('parseJson', () => {
  it('reads what JSON.parse reads', () => {
    const text = ' {"a": [1, -2, true, false, null, "x\\u00e9\\n\\"\\\\", {}], "b": {"c": []}}\r\n\t';
    expect(valueOf(text)).toEqual(JSON.parse(text));
  });

  it.each([
    '9223372036854775807',
    '-9223372036854775808',
    '12345678901234567890123',
    '0.12345678901234567890',
    '2.0',
  ])('keeps every digit of %s', (literal) => {
    const { value } = parseJson(literal);
    expect(value).toBeInstanceOf(ExactNumber);
    expect(JSON.stringify(value)).toBe(literal);
  });

  it('writes an exponent out, with a fraction that shows that it was none of an integer', () => {
    expect(JSON.stringify(parseJson('[1e3, 5e-3, -1.5E+2]').value)).toBe('[1000.0,0.005,-150.0]');
  });

  it('takes the last of two equal keys', () => {
    expect(valueOf('{"a": 1, "b": 2, "a": 3}')).toEqual({ a: 3, b: 2 });
  });

  it('takes __proto__ for a key like any other', () => {
    const { value } = parseJson('{"__proto__": {"x": 1}}');
    expect(JSON.stringify(value)).toBe('{"__proto__":{"x":1}}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it.each([
    ['{"a": ["x\\u0000y"]}', 'NUL_REPLACED', '/a/0', { a: ['x\ufffdy'] }],
    ['{"a/b": "\\ud83d"}', 'SURROGATE_REPLACED', '/a~1b', { 'a/b': '\ufffd' }],
    ['[NaN]', 'NON_FINITE_NUMBER', '/0', [null]],
    ['[-Infinity]', 'NON_FINITE_NUMBER', '/0', [null]],
    ['[1e400]', 'NON_FINITE_NUMBER', '/0', [null]],
  ])('replaces what PostgreSQL cannot hold in %s, and says where', (text, reason, pointer, value) => {
    expect(parseJson(text).repairs).toEqual([{ reason, pointer }]);
    expect(valueOf(text)).toEqual(value);
  });

  it('leaves a whole pair of surrogates alone', () => {
    expect(parseJson('"\\ud83d\\ude00"')).toEqual({ value: '😀', repairs: [] });
  });

  it.each([
    '',
    ' ',
    '{',
    '{"a":1,}',
    '[1,]',
    '{"a" 1}',
    '[1] []',
    '// no',
    '01',
    '+1',
    '.5',
    '"\n"',
    '"\\x"',
    'nul',
  ])('refuses %j', (text) => {
    expect(faultOf(text)).toBe('JSON_INVALID');
  });

  it('reads 512 levels and no more', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(faultOf(nested(512))).toBe('none');
    expect(faultOf(nested(513))).toBe('TOO_DEEP');
    expect(faultOf('['.repeat(100_000))).toBe('TOO_DEEP');
  });

  it('refuses an integer on which the legacy reader fails', () => {
    expect(faultOf('1'.repeat(4_300))).toBe('none');
    expect(faultOf('1'.repeat(4_301))).toBe('JSON_INVALID');
  });
});
