/** A field that was at fault, named by its JSON pointer (RFC 6901). */
export interface Fault {
  pointer: string;
  detail: string;
}

/**
 * A refusal that a caller can act on: a stable code, a sentence for people, and the facts.
 * Libs throw these; the API's one filter turns the code into a status and a problem body.
 */
export class DomainError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly facts: Readonly<Record<string, unknown>> = {},
    readonly errors: readonly Fault[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}
