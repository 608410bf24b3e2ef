import { describe, expect, it } from '@jest/globals';
import { callerOf } from './transaction-span.js';

const stackOf = (...frames: string[]): string =>
  ['Error', ...frames.map((frame) => `    at ${frame} (file:///ss/dist/x.js:1:2)`)].join('\n');

describe('the caller of a transaction', () => {
  it('is the method that asked the database', () => {
    const stack = stackOf('Database.run', 'Database.transaction', 'JobReads.list', 'JobsController.list');
    expect(callerOf(stack)).toBe('JobReads.list');
  });

  it('is the method that others called, not the helper of its class', () => {
    const stack = stackOf(
      ...['stackHere', 'transactionSpan', 'Database.run', 'Database.transaction', 'JobRuns.within'],
      ...['JobRuns.fenced', 'async JobRuns.endStep', 'async StepWalk.end', 'async JobRuns.other'],
    );
    expect(callerOf(stack)).toBe('JobRuns.endStep');
  });

  it('is unknown where no class asked', () => {
    expect(callerOf(stackOf('Database.run', 'main'))).toBe('unknown');
  });
});
