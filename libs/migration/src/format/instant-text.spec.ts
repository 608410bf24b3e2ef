import { describe, expect, it } from '@jest/globals';
import { legacyInstant, readInstant } from './instant-text.js';

describe('readInstant', () => {
  it.each([
    ['2026-01-07T03:00:00.000100+00:00', '2026-01-07T03:00:00.000100Z', false],
    ['2026-01-07T03:00:00+00:00', '2026-01-07T03:00:00.000000Z', false],
    ['2026-01-07T03:00:00Z', '2026-01-07T03:00:00.000000Z', false],
    ['2026-01-07T03:00:00.5+08:00', '2026-01-06T19:00:00.500000Z', false],
    ['2024-02-29T23:30:00-01:00', '2024-03-01T00:30:00.000000Z', false],
    ['2026-01-18 10:00:00', '2026-01-18T10:00:00.000000Z', true],
    ['2026-01-18', '2026-01-18T00:00:00.000000Z', true],
  ])('reads %s', (text, instant, naive) => {
    expect(readInstant(text)).toEqual({ instant, naive });
  });

  it.each([
    '',
    'yesterday',
    '2026-02-30T00:00:00+00:00',
    '2025-02-29',
    '2026-01-07T24:00:00Z',
    '2026-13-01',
    '1700000000',
  ])('takes %j for no instant', (text) => {
    expect(readInstant(text)).toBeNull();
  });

  it.each(['2026-01-07T03:00:00.000100+00:00', '2026-01-07T03:00:00+00:00'])(
    'writes %s back as it was',
    (text) => {
      expect(legacyInstant(readInstant(text)!.instant)).toBe(text);
    },
  );
});
