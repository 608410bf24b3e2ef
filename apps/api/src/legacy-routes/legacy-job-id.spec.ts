import { describe, expect, it } from '@jest/globals';
import { legacyJobId } from './legacy-job-id.js';

describe('the id of a question', () => {
  it('is the one that the legacy service gave it', () => {
    expect(legacyJobId('  a \n b\u3000c\x1cd ')).toBe('job_69487bf51b15f8f7');
  });

  it('is the same however the question is spaced, and another for another question', () => {
    expect(legacyJobId('mean\tof\u2028a ')).toBe(legacyJobId('mean of a'));
    expect(legacyJobId('mean of b')).not.toBe(legacyJobId('mean of a'));
    // A byte order mark is a space to JavaScript alone.
    expect(legacyJobId('\ufeffmean of a')).not.toBe(legacyJobId('mean of a'));
  });
});
