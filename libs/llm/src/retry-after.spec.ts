import { describe, expect, it } from '@jest/globals';
import { retryAfterMs } from './retry-after.js';

const NOW = Date.parse('2026-05-04T03:02:01Z');

describe('retryAfterMs', () => {
  it.each([
    ['1', 1_000],
    ['86400', 86_400_000],
    [' 0 ', 0],
    ['1.5', 1_500],
    ['Mon, 04 May 2026 03:02:31 GMT', 30_000],
    ['Monday, 04-May-26 03:02:31 GMT', 30_000],
    ['Mon, 04 May 2026 03:00:00 GMT', 0],
  ])('reads %s', (header, ms) => {
    expect(retryAfterMs(header, NOW)).toBe(ms);
  });

  it.each([null, '', 'soon', '-1', '1e3', 'Mon, 99 May 2026 03:02:31 GMT', '2026-05-04'])(
    'makes nothing of %s',
    (header) => {
      expect(retryAfterMs(header, NOW)).toBeNull();
    },
  );
});
