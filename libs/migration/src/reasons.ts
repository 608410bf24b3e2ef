/**
 * Repairs: the document was taken in, and this was changed about it. `legacyReads`: the legacy reader takes the
 * document as it is, so `--strict` takes it too; otherwise `--strict` quarantines it for the reason given.
 */
export const REPAIRS = {
  BOM_REMOVED: { strict: 'JSON_INVALID', about: 'a byte order mark before the document' },
  OPTION_STRINGS: {
    strict: 'DOCUMENT_INVALID',
    about: 'options of a draft question were texts, not objects',
  },
  NUL_REPLACED: { strict: null, about: 'U+0000 became U+FFFD' },
  SURROGATE_REPLACED: { strict: null, about: 'half a surrogate pair became U+FFFD' },
  NON_FINITE_NUMBER: { strict: null, about: 'NaN or Infinity became null' },
  NUMBER_COERCED: {
    strict: null,
    about: 'a whole number was written as a text, a fraction or a truth value',
  },
  IDENTITY_FROM_DIRECTORY: { strict: null, about: 'the file names another job or tenant than its folder' },
  SHARD_MISPLACED: { strict: 'SHARD_MISPLACED', about: 'the job stands in the folder of another shard' },
  TIMESTAMP_NAIVE_UTC: { strict: null, about: 'an instant without a time zone was taken as UTC' },
  TIMESTAMP_UNPARSEABLE: {
    strict: null,
    about: 'an instant is no instant; its text is kept, the column has the file’s',
  },
  ARTIFACT_MISSING: { strict: null, about: 'a listed file is not there; it stays in the list' },
  PLAN_CYCLE: { strict: null, about: 'steps of the plan wait for each other; kept, not runnable' },
} as const satisfies Record<string, { strict: string | null; about: string }>;

export type Repair = keyof typeof REPAIRS;

/** Why a file was not taken in. */
export const QUARANTINES = {
  JSON_INVALID: 'the file is no JSON document',
  ENCODING_INVALID: 'the file is no UTF-8',
  NOT_AN_OBJECT: 'the document is no object',
  SCHEMA_VERSION_MISSING: 'the document has no schema_version',
  SCHEMA_VERSION_UNSUPPORTED: 'the document is of a schema_version that no release wrote',
  DOCUMENT_INVALID: 'fields of the document are wrong',
  PATH_UNSAFE: 'a path in the document could lead out of the job’s folder',
  JOB_ID_UNSAFE: 'the name of the job’s folder cannot be a job_id',
  TENANT_ID_UNSAFE: 'the name of the tenant’s folder cannot be a tenant_id',
  DUPLICATE_JOB: 'another file is this job: the one in the right shard, or the one that was lifted before',
  SYMLINK_ESCAPE: 'a symbolic link leads out of the tree',
  NOT_A_FILE: 'job.json is no regular file',
  UNREADABLE: 'the file could not be read, or changed while it was',
  TOO_LARGE: 'the file is larger than 16 MiB',
  TOO_DEEP: 'objects and lists stand in each other more than 512 deep',
  SHARD_MISPLACED: REPAIRS.SHARD_MISPLACED.about,
  FILE_CHANGED: 'the job was lifted from another state of this file, and has been worked on since',
} as const satisfies Record<string, string>;

export type Quarantine = keyof typeof QUARANTINES;

/** What became of a queue record. */
export type RecordReason =
  | 'INTERRUPTED'
  | 'JOB_FINISHED'
  | 'JOB_MISSING'
  | 'JOB_NOT_READY'
  | 'JOB_RUNNING'
  | 'DUPLICATE_RECORD'
  | 'RECORD_INVALID';

/** Where a reason applies: a JSON pointer into the document, and a sentence that holds no value out of it. */
export interface Detail {
  reason: Repair | Quarantine | RecordReason;
  pointer?: string;
  detail?: string;
}

/** The file is not taken in: one main reason, and the places. */
export class Quarantined extends Error {
  readonly details: readonly Detail[];

  constructor(
    readonly reason: Quarantine,
    details: readonly Omit<Detail, 'reason'>[] = [],
  ) {
    super(`${reason}: ${QUARANTINES[reason]}`);
    this.details = details.map((detail) => ({ reason, ...detail }));
  }
}
