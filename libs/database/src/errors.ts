import { DomainError } from '#observability';

/** What an error says of itself; whose class it is depends on where it was made, so nobody asks for that. */
interface Fault {
  code?: unknown;
  message?: unknown;
  constraint?: unknown;
}

function isFault(error: unknown): error is Fault {
  return typeof error === 'object' && error !== null && 'message' in error;
}

/** Tells whether the statement was refused because the row is there already, under this constraint or index. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return isFault(error) && error.code === '23505' && error.constraint === constraint;
}

/** Deadlocks and serialization failures: the transaction did nothing and may be tried again. */
export function isTransient(error: unknown): boolean {
  return isFault(error) && (error.code === '40P01' || error.code === '40001');
}

const CONNECTION_FAULTS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
  '57P01',
  '57P02',
  '57P03',
  '53300',
  // The same, as Prisma says it: not reached, not in time, closed by the server.
  'P1001',
  'P1002',
  'P1017',
]);

/** What node-postgres says without a code. */
const NO_CODE = /timeout exceeded when trying to connect|Connection terminated|and is not queryable/i;

/** Tells whether the database could not be reached or would not serve: the caller may come back later. */
export function isUnavailable(error: unknown): boolean {
  if (!isFault(error)) return false;
  if (typeof error.code === 'string' && CONNECTION_FAULTS.has(error.code)) return true;
  return NO_CODE.test(String(error.message));
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
