import type { ErrorCode } from './error-codes.js';

/** A field that was at fault, named by its JSON pointer (RFC 6901). */
export interface Fault {
  pointer: string;
  detail: string;
}

/**
 * A refusal that a caller can act on: a stable code, a sentence for people, and the facts.
 * Libs throw these; the API's one filter turns the code into a status and a problem body. A code that is not in
 * `ERROR_CODES` does not compile, unless the class names a list of its own (the failures of a step).
 */
export class DomainError<Code extends string = ErrorCode> extends Error {
  constructor(
    readonly code: Code,
    message: string,
    readonly facts: Readonly<Record<string, unknown>> = {},
    readonly errors: readonly Fault[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Tells a refusal of ours from any other error. */
export function isDomainError(error: unknown): error is DomainError<string> {
  return error instanceof DomainError;
}
