import { DomainError } from '#observability';
import type { StepFailureCode } from './step-failures.js';
import type { ProducedFile } from './step-request.js';

/** A step that could not be carried out; the message is for people and names no path of the host. */
export class StepFailed extends DomainError<StepFailureCode> {
  constructor(
    readonly failure: StepFailureCode,
    message: string,
    /** What is worth keeping all the same: the logs of a command. */
    readonly files: readonly ProducedFile[] = [],
    facts: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(failure, message, facts, [], options);
  }
}

/** The caller's signal ended the step; every process of it is gone when this is thrown. */
export class StepAborted extends DomainError<'STEP_ABORTED'> {
  constructor() {
    super('STEP_ABORTED', 'The step was ended before it was done.');
  }
}
