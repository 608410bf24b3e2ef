import { describe, expect, it } from '@jest/globals';
import { fileNameFor } from './file-names.js';

describe('fileNameFor', () => {
  it.each(['s1', 'Step 1', 'größe_2', 'a.b-c'])('keeps %p as it is', (id) => {
    expect(fileNameFor(id)).toBe(id);
  });

  it.each([
    '',
    '..',
    '.x',
    'a/b',
    '~a',
    'a\u0000',
    'x'.repeat(300),
    '\ud800',
    'a\\b',
    'a ',
    '😀'.repeat(200),
  ])('gives %j a short and safe name', (id) => {
    expect(fileNameFor(id)).toMatch(/^[^/\\~.\p{Cc}][^/\\\p{Cc}]*$/u);
    expect(Buffer.byteLength(fileNameFor(id))).toBeLessThan(200);
  });

  it('tells apart what looks the same once it is safe', () => {
    expect(fileNameFor('a/b')).not.toBe(fileNameFor('a\\b'));
  });
});
