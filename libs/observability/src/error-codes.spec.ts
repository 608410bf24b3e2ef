import { describe, expect, it } from '@jest/globals';
import { DomainError } from './domain-error.js';
import { ERROR_CODES, isErrorCode } from './error-codes.js';

describe('the codes of refusals', () => {
  it('are UPPER_SNAKE, each with a sentence that says what it means', () => {
    for (const [code, meaning] of Object.entries(ERROR_CODES)) {
      expect(code).toMatch(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/);
      expect(meaning).toMatch(/^.{10,}\.$/);
    }
  });

  it('are known by their names, and nothing else is', () => {
    expect(
      ['JOB_NOT_FOUND', 'NO_SUCH_CODE', 'toString', '__proto__', 7, null, undefined].map(isErrorCode),
    ).toEqual([...[true, false, false, false, false, false, false]]);
  });
});

describe('DomainError', () => {
  it('carries its code, its facts, its faults and its cause, under the name of its class', () => {
    class TeaPot extends DomainError<'CODE'> {}
    const cause = new Error('why');
    const error = new TeaPot('CODE', 'A sentence.', { n: 1 }, [{ pointer: '/a', detail: 'no' }], { cause });
    expect(error).toMatchObject({
      name: 'TeaPot',
      code: 'CODE',
      message: 'A sentence.',
      facts: { n: 1 },
      cause,
    });
    expect(error.errors).toEqual([{ pointer: '/a', detail: 'no' }]);
  });
});
