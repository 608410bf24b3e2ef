import type { StepFailureCode } from '../step-failures.js';

/** What a child answers when it cannot carry out its task. */
export class ChildFailure extends Error {
  constructor(
    readonly code: StepFailureCode,
    message: string,
  ) {
    super(message);
  }
}
