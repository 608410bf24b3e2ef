import { describe, expect, it } from '@jest/globals';
import { IfMatchInvalid, IfMatchRequired, required, versionOf } from './if-match.js';

describe('versionOf', () => {
  it.each([
    ['"1"', 1],
    [' "42" ', 42],
    ['W/"7"', 7],
    ['"9007199254740991"', Number.MAX_SAFE_INTEGER],
  ])('reads %s', (header, version) => {
    expect(versionOf(header)).toBe(version);
  });

  it('is any version when the header is absent or a star', () => {
    expect(versionOf(undefined)).toBeNull();
    expect(versionOf('*')).toBeNull();
  });

  it.each([
    '',
    '1',
    '"0"',
    '"01"',
    '"-1"',
    '"1.0"',
    '"a"',
    '""',
    '"1","2"',
    '"9007199254740993"',
    `"1" OR 1=1`,
  ])('refuses %p', (header) => {
    expect(() => versionOf(header)).toThrow(IfMatchInvalid);
  });
});

describe('required', () => {
  it('passes a version on, and refuses that there is none', () => {
    expect(required(3)).toBe(3);
    expect(() => required(null)).toThrow(IfMatchRequired);
  });
});
