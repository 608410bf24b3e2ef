import { describe, expect, it } from '@jest/globals';
import { from1To2 } from './from-1-to-2.js';

describe('the step from 1 to 2', () => {
  it('adds the two lists where they are not, and touches nothing else', () => {
    const document = { job_id: 'j', owner: 'kept' };
    expect(from1To2(document)).toEqual({ job_id: 'j', owner: 'kept', runs: [], artifacts_index: [] });
    expect(document).toEqual({ job_id: 'j', owner: 'kept' });
  });

  it('keeps the lists that are there', () => {
    const document = { runs: [{ run_id: 'r' }], artifacts_index: [{ kind: 'stata.log' }] };
    expect(from1To2(document)).toEqual(document);
  });

  it.each([
    ['runs', null],
    ['runs', {}],
    ['artifacts_index', null],
    ['artifacts_index', 'x'],
  ] as const)('refuses %s: %j', (list, value) => {
    expect(() => from1To2({ [list]: value })).toThrow(
      expect.objectContaining({ reason: 'DOCUMENT_INVALID' }),
    );
  });
});
