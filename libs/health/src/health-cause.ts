import { ArtifactStoreUnavailable } from '#artifacts';
import { type Cause, CAUSES, causeOf, SchemaMismatch, WriteFailed } from '#database';
import { isDomainError } from '#observability';
import { QueuesMissing } from '#queue';

/** Every word by which a probe says why something is not as it has to be. Alerts rely on them: none is renamed. */
export const HEALTH_CAUSES = [
  ...CAUSES,
  'access_denied',
  'missing',
  'schema_behind',
  'schema_ahead',
  'schema_changed',
  'queues_missing',
  'look_too_old',
  'not_started',
  'failed',
] as const;

export type HealthCause = Cause | (typeof HEALTH_CAUSES)[number];

/** What a check throws that knows why, and has a sentence for everybody who asks. */
export class Unhealthy extends Error {
  constructor(
    readonly why: HealthCause,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface Told {
  cause: HealthCause;
  message: string;
}

const FAULT_OF_SCHEMA: Readonly<Record<string, HealthCause>> = {
  behind: 'schema_behind',
  ahead: 'schema_ahead',
  changed: 'schema_changed',
};

/** What the file system and PostgreSQL say where no outage is meant: a right is missing, or the thing itself. */
const CAUSE_OF_CODE: Readonly<Record<string, HealthCause>> = {
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  EROFS: 'read_only',
  EIO: 'io_error',
  ESTALE: 'io_error',
  EMFILE: 'out_of_resources',
  ENFILE: 'out_of_resources',
  EACCES: 'access_denied',
  EPERM: 'access_denied',
  '28P01': 'access_denied',
  '28000': 'access_denied',
  '42501': 'access_denied',
  ENOENT: 'missing',
  ENOTDIR: 'missing',
  // Something else stands in its place.
  EEXIST: 'missing',
  '3D000': 'missing',
  '42P01': 'schema_behind',
  '3F000': 'schema_behind',
  '42704': 'schema_behind',
};

/**
 * What may be told of a check that failed, to everybody: probes ask for no key. Of errors that were not written for
 * that, only a word: their text may hold an address, a path, a login.
 */
export function toldOf(error: unknown): Told {
  if (error instanceof Unhealthy || error instanceof WriteFailed) {
    return { cause: error.why, message: error.message };
  }
  if (error instanceof ArtifactStoreUnavailable) return { cause: error.why, message: error.message };
  if (error instanceof QueuesMissing) return { cause: 'queues_missing', message: error.message };
  if (error instanceof SchemaMismatch) {
    const cause = FAULT_OF_SCHEMA[String(error.facts['fault'])] ?? 'schema_behind';
    return { cause, message: error.message };
  }
  const cause = causeOf(error) ?? CAUSE_OF_CODE[codeOf(error)] ?? 'failed';
  if (isDomainError(error)) return { cause, message: error.message };
  return { cause, message: cause === 'failed' ? 'it failed; the log says how' : cause };
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
