import { describe, expect, it } from '@jest/globals';
import { ExactNumber } from '../format/exact-number.js';
import { from2To3 } from './from-2-to-3.js';

describe('the step from 2 to 3', () => {
  it.each([[{}], [{ version: null }]])('counts from 1 in %j', (document) => {
    expect(from2To3(document)).toEqual({ version: 1 });
  });

  it.each([7, true, ExactNumber.of('9223372036854775807')])('keeps %j', (version) => {
    expect(from2To3({ version })).toEqual({ version });
  });

  it.each([0, -1, '7', false, ExactNumber.of('2.0'), []])('refuses %j', (version) => {
    expect(() => from2To3({ version })).toThrow(expect.objectContaining({ reason: 'DOCUMENT_INVALID' }));
  });
});
