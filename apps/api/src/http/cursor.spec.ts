import { describe, expect, it } from '@jest/globals';
import { CursorInvalid, decodeCursor, encodeCursor } from './cursor.js';

const base64url = (text: string): string => Buffer.from(text).toString('base64url');

describe('a cursor', () => {
  it.each([[['2026-01-01T00:00:00.123456Z', 'job_1']], [['7']], [['', 'ä "quoted", [listed]']]])(
    'carries %j there and back',
    (place) => {
      expect(decodeCursor(encodeCursor(place), place.length)).toEqual(place);
    },
  );

  it('fits into a query as it is', () => {
    expect(encodeCursor(['??>>~~', '😀'])).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it.each([
    '',
    'nonsense',
    base64url('{}'),
    base64url('null'),
    base64url('["one"]'),
    base64url('["one","two","three"]'),
    base64url('[1,2]'),
    base64url('["one",null]'),
    base64url('["one","\\u0000"]'),
    base64url('["one","\\ud800"]'),
    base64url('["one","two"'),
  ])('is refused as %p', (cursor) => {
    expect(() => decodeCursor(cursor, 2)).toThrow(CursorInvalid);
  });
});
