import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { renderErrors } from './render-errors.js';

describe('docs/errors.md', () => {
  it('is what the code says (else: npm run docs)', () => {
    expect(readFileSync('docs/errors.md', 'utf8')).toBe(renderErrors());
  });
});
