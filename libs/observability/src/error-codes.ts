/**
 * Every code that a refusal can carry, with what it means. Clients rely on the names: a code is never renamed. The
 * API gives each its status, `docs/errors.md` lists them, and a test compares.
 */
export const ERROR_CODES = {
  API_HTTP_ERROR: 'The request breaks a rule of HTTP.',
  API_METHOD_NOT_ALLOWED: 'The address is right, the method is not.',
  API_NOT_FOUND: 'There is no such route.',
  API_KEY_NOT_FOUND: 'There is no such key.',
  API_KEY_SCOPE_UNKNOWN: 'A key was asked for with a scope that does not exist.',
  ARTIFACT_NOT_FOUND: 'The job has no artifact of this path, or its bytes are gone.',
  ARTIFACT_PATH_UNSAFE: 'A path that could lead out of the job’s folder.',
  ARTIFACT_RANGE_UNSATISFIABLE: 'The Range lies outside of the file.',
  AUTH_BEARER_TOKEN_INVALID: 'The key is of the wrong form, unknown, expired or revoked.',
  AUTH_BEARER_TOKEN_MISSING: 'The request carries no key.',
  AUTH_SCOPE_MISSING: 'The key may not do this.',
  BODY_TOO_LARGE: 'The request body is over the limit.',
  COMMAND_PROFILES_INVALID: 'The operator’s file of command profiles is wrong.',
  CONFIGURATION_INVALID: 'Settings of the program are wrong.',
  CURSOR_INVALID: 'The cursor does not come from this list.',
  DATABASE_BUSY: 'Others held the rows for too long; nothing was changed, try again shortly.',
  DATABASE_COMMIT_UNKNOWN:
    'The database did not say whether it kept the change: repeat with the same Idempotency-Key, or read the resource.',
  DATABASE_UNAVAILABLE: 'The database does not answer; try again shortly.',
  DRAFT_INVALID: 'An edit of the draft that cannot be.',
  DRAFT_NOT_FOUND: 'The job has no draft yet.',
  DRAFT_OUT_OF_DATE: 'The inputs changed after the draft was made.',
  IDEMPOTENCY_KEY_REUSED: 'The Idempotency-Key was used with another request.',
  IF_MATCH_INVALID: 'If-Match holds no version of a job.',
  IF_MATCH_REQUIRED: 'The change needs If-Match with the version that it starts from.',
  INPUT_DATASET_NOT_FOUND: 'The job has no such dataset.',
  INPUT_DATASETS_LIMIT_EXCEEDED: 'The job has as many datasets as it may.',
  INPUT_EMPTY_FILE: 'The dataset holds nothing.',
  INPUT_FILE_MISSING: 'The upload holds no file.',
  INPUT_FILENAME_UNSAFE: 'The name of the file is missing, too long, or holds control characters.',
  INPUT_PARSE_FAILED: 'The dataset is not what its format says.',
  INPUT_PRIMARY_DATASET_MISSING: 'A draft needs a dataset.',
  INPUT_PRIMARY_DATASET_MULTIPLE: 'A job has one primary dataset.',
  INPUT_ROLE_INVALID: 'No such role of a dataset, or no role before the file.',
  INPUT_TOO_COSTLY: 'Reading the dataset takes more time or memory than an upload may.',
  INPUT_UNSUPPORTED_FORMAT: 'The dataset is in none of the formats that are read.',
  INPUT_UPLOAD_CUT: 'The upload ended before its last byte; nothing was kept.',
  INPUT_VALIDATION_FAILED: 'Fields of the request are wrong; `errors` names each.',
  JOB_ALREADY_EXISTS: 'The tenant has a job of this id.',
  JOB_ID_UNSAFE: 'The job_id is of a form that is not taken.',
  JOB_ILLEGAL_TRANSITION: 'The job’s state does not allow this move.',
  JOB_LOCKED: 'Inputs and draft cannot change any more.',
  JOB_NOT_FOUND: 'The tenant has no such job.',
  JOB_VERSION_CONFLICT: 'The job was changed since it was read.',
  MEDIA_TYPE_UNSUPPORTED: 'The Content-Type is not one that the route reads.',
  PLAN_INVALID: 'The plan cannot be carried out; `errors` names each fault.',
  PLAN_MISSING: 'The job has no frozen plan.',
  RUN_NOT_FOUND: 'The job has no such run.',
  SCHEMA_MISMATCH: 'The database’s schema is not this release’s.',
  SERVICE_INTERNAL_ERROR: 'A fault of the service; the request id finds it in the logs.',
  SERVICE_SHUTTING_DOWN: 'The service is stopping; try again shortly.',
  STALE_LEASE: 'A worker lost its right to the run.',
  TENANT_ALREADY_EXISTS: 'There is a tenant of this name.',
  TENANT_ID_UNSAFE: 'The name of the tenant is of a form that is not taken.',
  TENANT_MISMATCH: 'X-SS-Tenant-ID names another tenant than the key’s.',
  TENANT_NOT_FOUND: 'There is no such tenant.',
  UPLOAD_FILE_SIZE_LIMIT_EXCEEDED: 'The file is larger than uploads may be.',
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof ERROR_CODES;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
}
