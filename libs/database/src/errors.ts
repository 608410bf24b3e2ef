import { DomainError } from '#observability';
import { type Cause, codesOf, isFault } from './faults.js';

/** Tells whether the statement was refused because the row is there already, under this constraint or index. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return isFault(error) && error.code === '23505' && error.constraint === constraint;
}

/**
 * The connection broke, or fell silent, between COMMIT and its answer: the change happened, or it did not. Whoever
 * catches this reads back what it wanted to change instead of guessing. {@link isUnavailable} is true for it.
 */
export class CommitUnknown extends DomainError {
  constructor(cause: unknown) {
    super(
      'DATABASE_COMMIT_UNKNOWN',
      'The database did not say whether it kept the change: it may have happened.',
      {},
      [],
      { cause },
    );
  }
}

/** The database answers and takes no writes. The message names why, in a word. */
export class WriteFailed extends Error {
  constructor(
    readonly why: Cause,
    cause?: unknown,
  ) {
    super(`db_write_failed: ${why}`, { cause });
  }
}

/** Classes of SQLSTATE that say nothing certain of a COMMIT: the connection, resources, the server itself. */
const UNCERTAIN = /^(08|53|57P|58|F0|XX)/;
/** Node's EPIPE and Prisma's P2028 have five characters as well. */
const SQLSTATE = /^(?!E|P[1-9])[0-9A-Z]{5}$/;

/** Tells whether the server itself refused the COMMIT, so that nothing was changed. */
export function isRefusedByServer(error: unknown): boolean {
  if (!isFault(error)) return false;
  const states = codesOf(error).filter((code) => SQLSTATE.test(code));
  return states.length > 0 && states.every((state) => !UNCERTAIN.test(state));
}

/** The schema of the database is not the one that this release works with. */
export class SchemaMismatch extends DomainError {
  constructor(detail: string, facts: Readonly<Record<string, unknown>> = {}) {
    super('SCHEMA_MISMATCH', detail, facts);
  }
}

/** Tells whether the database lacks what `ssctl schema deploy` makes: our roles, tables, or those of pg-boss. */
export function isNotDeployed(error: unknown): boolean {
  if (error instanceof SchemaMismatch) return true;
  if (isFault(error) && ['42704', '42P01', '3F000'].includes(String(error.code))) return true;
  return isFault(error) && String(error.message).includes('pg-boss is not installed');
}
