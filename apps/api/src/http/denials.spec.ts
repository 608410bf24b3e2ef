import { expect, it } from '@jest/globals';
import { DENIALS } from './denials.js';
import { STATUSES } from './statuses.js';

it('decides of every refusal of a caller, or of an id, whether it is a denied attempt', () => {
  const codes = Object.entries(STATUSES)
    .filter(([, status]) => [401, 403, 404].includes(status))
    .map(([code]) => code);
  expect(Object.keys(DENIALS).sort()).toEqual(codes.sort());
});
