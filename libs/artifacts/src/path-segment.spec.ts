import { describe, expect, it } from '@jest/globals';
import { decodeSegment, encodeSegment, isHashed } from './path-segment.js';

const IDS = [
  'job-1',
  'Job-1',
  '.',
  '..',
  'a/b',
  'a b',
  '%41',
  '%ud800',
  'ünï',
  '😀',
  'a\u0000b',
  '\ud800',
  '~',
  '\udc00\ud800',
];

describe('encodeSegment', () => {
  it.each(IDS)('gives %j a plain name that decodes to it', (id) => {
    const segment = encodeSegment(id);
    expect(segment).toMatch(/^[a-z0-9_%-]+$/);
    expect(decodeSegment(segment)).toBe(id);
  });

  it('gives different ids different names, also where letter case does not count', () => {
    expect(new Set(IDS.map((id) => encodeSegment(id).toLowerCase())).size).toBe(IDS.length);
  });

  it('keeps a name within 200 bytes however long the id', () => {
    const long = '😀'.repeat(255);
    expect(encodeSegment(long).length).toBeLessThanOrEqual(200);
    expect(isHashed(encodeSegment(long))).toBe(true);
    expect(decodeSegment(encodeSegment(long))).toBeNull();
    expect(encodeSegment('a'.repeat(200))).toBe('a'.repeat(200));
  });

  it.each(['', 'x'.repeat(256)])('refuses an id that is empty or over 255 characters', (id) => {
    expect(() => encodeSegment(id)).toThrow(expect.objectContaining({ code: 'ARTIFACT_PATH_UNSAFE' }));
  });
});
