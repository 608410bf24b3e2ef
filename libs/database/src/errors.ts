import { DomainError } from '#observability';

interface PostgresError {
  code: string;
  constraint?: string;
}

function isPostgresError(error: unknown): error is PostgresError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^[0-9A-Z]{5}$/.test(error.code)
  );
}

/** Tells whether the statement was refused because the row is there already, under this constraint or index. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  return isPostgresError(error) && error.code === '23505' && error.constraint === constraint;
}

/** Deadlocks and serialization failures: the transaction did nothing and may be tried again. */
export function isTransient(error: unknown): boolean {
  return isPostgresError(error) && (error.code === '40P01' || error.code === '40001');
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
]);

/** Tells whether the database could not be reached or would not serve: the caller may come back later. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && typeof error.code === 'string' && CONNECTION_FAULTS.has(error.code)) return true;
  // node-postgres gives these two no code.
  return /timeout exceeded when trying to connect|Connection terminated/i.test(error.message);
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
  if (isPostgresError(error)) return ['42704', '42P01', '3F000'].includes(error.code);
  return error instanceof Error && /pg-boss is not installed/.test(error.message);
}
