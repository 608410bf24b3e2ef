import { DomainError } from '#observability';
import { describe, expect, it } from '@jest/globals';
import { assertWellFormed } from './well-formed.js';

const LIMITS = { jsonMaxDepth: 64, jsonMaxKeys: 1_000 };

function nested(levels: number): unknown {
  let value: unknown = 'core';
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { in: value };
  return value;
}

function pointerOf(value: unknown): string {
  try {
    assertWellFormed(value, LIMITS);
  } catch (error) {
    if (error instanceof DomainError) return error.errors[0]!.pointer;
  }
  throw new Error('it was not refused');
}

describe('assertWellFormed', () => {
  it('lets every ordinary value pass', () => {
    assertWellFormed({ a: [1, true, null, undefined, 'ä 😀', { b: '' }], ['']: 1.5 }, LIMITS);
  });

  it('names the place of what PostgreSQL cannot hold', () => {
    expect(pointerOf('\0')).toBe('');
    expect(pointerOf({ a: ['x', '\0'] })).toBe('/a/1');
    expect(pointerOf({ 'a/b~c': { d: '\ud800' } })).toBe('/a~1b~0c/d');
    expect(pointerOf({ a: { '\udc00': 1 } })).toBe('/a');
  });

  it('names the place of a number that is none once it is read', () => {
    expect(pointerOf(JSON.parse('{"a":[1,1e400]}'))).toBe('/a/1');
  });

  it('takes 64 levels, and ends at the 65th however deep it goes on', () => {
    assertWellFormed(nested(64), LIMITS);
    expect(() => {
      assertWellFormed(nested(65), LIMITS);
    }).toThrow();
    expect(pointerOf(nested(100_000)).split('/').length - 1).toBe(64);
  });
});
