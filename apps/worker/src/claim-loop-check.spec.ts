import { describe, expect, it } from '@jest/globals';
import { claimLoopCheck } from './claim-loop-check.js';

describe('the check of the claim loops', () => {
  it('is fine while each has looked lately', async () => {
    await claimLoopCheck(() => ({ 'job.run': 29_000, 'job.draft': 0 }), 30_000).check();
  });

  it('names each that has not, and since when', async () => {
    const ages = { 'job.run': 31_400, 'job.draft': 30_001 };
    await expect(claimLoopCheck(() => ages, 30_000).check()).rejects.toMatchObject({
      why: 'look_too_old',
      message: 'last looked for work: job.run 31 s ago, job.draft 30 s ago',
    });
  });
});
