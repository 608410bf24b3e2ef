import type { ErrorCode } from '#observability';
import type { Operation } from './document.js';

type Codes = readonly ErrorCode[];

/** Of every request, before anybody looks at what it wants. */
const ANY: Codes = [
  'API_HTTP_ERROR',
  'MEDIA_TYPE_UNSUPPORTED',
  'SERVICE_INTERNAL_ERROR',
  'SERVICE_SHUTTING_DOWN',
  'URI_TOO_LONG',
];

const BEHIND_A_KEY: Codes = [
  'AUTH_BEARER_TOKEN_INVALID',
  'AUTH_BEARER_TOKEN_MISSING',
  'AUTH_ISSUER_UNAVAILABLE',
  'AUTH_SCOPE_MISSING',
  'AUTH_TENANT_UNKNOWN',
  'DATABASE_BUSY',
  'DATABASE_UNAVAILABLE',
  'INPUT_VALIDATION_FAILED',
  'QUOTA_REQUESTS_EXCEEDED',
  'SCHEMA_MISMATCH',
  'TENANT_MISMATCH',
  'TENANT_NOT_FOUND',
];

const CHANGES: Codes = ['DATABASE_COMMIT_UNKNOWN'];
const WITH_A_BODY: Codes = ['BODY_TOO_LARGE', 'INPUT_VALIDATION_FAILED', 'REQUEST_TOO_SLOW'];
const OF_AN_ENDING_VERSION: Codes = ['API_VERSION_GONE'];

/** By a parameter's name, wherever it stands. */
const BY_PARAMETER: Readonly<Record<string, Codes>> = {
  'If-Match': ['IF_MATCH_INVALID', 'JOB_VERSION_CONFLICT'],
  'Idempotency-Key': ['IDEMPOTENCY_KEY_IN_PROGRESS', 'IDEMPOTENCY_KEY_REUSED'],
  'Tus-Resumable': ['UPLOAD_REQUEST_INVALID', 'UPLOAD_VERSION_UNSUPPORTED'],
  cursor: ['CURSOR_INVALID'],
  dataset_key: ['INPUT_DATASET_NOT_FOUND'],
  delivery_id: ['WEBHOOK_DELIVERY_NOT_FOUND'],
  job_id: ['JOB_DATA_CORRUPTED', 'JOB_ID_UNSAFE', 'JOB_NOT_FOUND'],
  key_id: ['API_KEY_NOT_FOUND'],
  name: ['QUEUE_NOT_FOUND'],
  path: ['ARTIFACT_NOT_FOUND', 'ARTIFACT_PATH_UNSAFE', 'JOB_DATA_ERASED'],
  revision: ['DRAFT_NOT_FOUND'],
  run_id: ['RUN_NOT_FOUND'],
  task_id: ['TASK_NOT_FOUND'],
  upload_id: ['UPLOAD_NOT_FOUND'],
  webhook_id: ['WEBHOOK_NOT_FOUND'],
};

/** A file is said to come. */
const ANNOUNCE: Codes = [
  'INPUT_DATASETS_LIMIT_EXCEEDED',
  'INPUT_FILENAME_UNSAFE',
  'INPUT_ROLE_INVALID',
  'INPUT_UNSUPPORTED_FORMAT',
  'JOB_DATA_ERASED',
  'JOB_LOCKED',
  'QUOTA_STORAGE_EXCEEDED',
  'UPLOAD_FILE_SIZE_LIMIT_EXCEEDED',
];
/** A file has come, and becomes a dataset. */
const ADD: Codes = [
  'ARTIFACT_STORE_UNAVAILABLE',
  'INPUT_DATASETS_LIMIT_EXCEEDED',
  'INPUT_EMPTY_FILE',
  'INPUT_PARSE_FAILED',
  'INPUT_PRIMARY_DATASET_MULTIPLE',
  'INPUT_TOO_COSTLY',
  'JOB_DATA_ERASED',
  'JOB_LOCKED',
  'QUOTA_STORAGE_EXCEEDED',
];
const UPLOAD: Codes = [...ANNOUNCE, ...ADD, 'INPUT_FILE_MISSING', 'INPUT_UPLOAD_CUT'];
/** The next bytes of a file. */
const APPEND: Codes = [
  ...ADD,
  'INPUT_UPLOAD_CUT',
  'UPLOAD_FILE_SIZE_LIMIT_EXCEEDED',
  'UPLOAD_OFFSET_CONFLICT',
];
const CONFIRM: Codes = [
  'ARTIFACT_STORE_UNAVAILABLE',
  'DRAFT_NOT_FOUND',
  'DRAFT_OUT_OF_DATE',
  'JOB_DATA_ERASED',
  'JOB_ILLEGAL_TRANSITION',
  'PLAN_INVALID',
  'QUOTA_QUEUED_JOBS_EXCEEDED',
  'QUOTA_STORAGE_EXCEEDED',
];
const TO_QUEUE: Codes = ['JOB_DATA_ERASED', 'JOB_ILLEGAL_TRANSITION', 'QUOTA_QUEUED_JOBS_EXCEEDED'];
const FOLLOW: Codes = ['EVENT_STREAMS_EXHAUSTED', 'QUOTA_EVENT_STREAMS_EXCEEDED'];

/** What only this operation refuses. One that is not here has no refusals but those that follow from its form. */
export const OWN_REFUSALS: Readonly<Record<string, Codes>> = {
  artifacts_download: ['ARTIFACT_RANGE_UNSATISFIABLE', 'ARTIFACT_STORE_UNAVAILABLE'],
  artifactszip_download: ['JOB_DATA_ERASED'],
  batch_create: [
    'ARTIFACT_STORE_UNAVAILABLE',
    'BATCH_REFUSED',
    'QUOTA_QUEUED_JOBS_EXCEEDED',
    'QUOTA_STORAGE_EXCEEDED',
  ],
  begintask_cancel: ['REASON_REQUIRED'],
  begintask_retry: ['REASON_REQUIRED'],
  draft_edit: [
    'DRAFT_INVALID',
    'DRAFT_NOT_FOUND',
    'IF_MATCH_REQUIRED',
    'JOB_DATA_ERASED',
    'JOB_LOCKED',
    'PLAN_INVALID',
  ],
  draft_get: ['DRAFT_NOT_FOUND', 'JOB_DATA_ERASED'],
  draft_request: ['INPUT_PRIMARY_DATASET_MISSING', 'JOB_DATA_ERASED', 'JOB_LOCKED', 'LLM_BUDGET_EXCEEDED'],
  draft_revision: ['JOB_DATA_ERASED'],
  erasure_erase: ['ARTIFACT_STORE_UNAVAILABLE', 'JOB_NOT_ENDED', 'REASON_REQUIRED'],
  events_ofJob: FOLLOW,
  events_ofTenant: FOLLOW,
  inputs_preview: ['JOB_DATA_ERASED'],
  inputs_remove: ['JOB_DATA_ERASED', 'JOB_LOCKED'],
  inputs_upload: UPLOAD,
  jobs_cancel: ['JOB_ILLEGAL_TRANSITION', 'REASON_REQUIRED', 'JOB_DATA_ERASED'],
  jobs_confirm: [...CONFIRM, 'DRAFT_REVISION_CONFLICT'],
  jobs_create: [
    'ARTIFACT_STORE_UNAVAILABLE',
    'JOB_ALREADY_EXISTS',
    'JOB_DATA_CORRUPTED',
    'JOB_ID_UNSAFE',
    'PLAN_INVALID',
    'QUOTA_QUEUED_JOBS_EXCEEDED',
    'QUOTA_STORAGE_EXCEEDED',
  ],
  jobs_retry: [...TO_QUEUE, 'REASON_REQUIRED'],
  jobs_run: TO_QUEUE,
  keys_create: ['API_KEY_SCOPE_NOT_HELD', 'API_KEY_SCOPE_UNKNOWN'],
  keys_revoke: ['REASON_REQUIRED'],
  keys_rotate: ['API_KEY_ENDED', 'API_KEY_SCOPE_NOT_HELD'],
  legacyartifacts_download: ['ARTIFACT_STORE_UNAVAILABLE'],
  legacydraft_preview: ['INPUT_PRIMARY_DATASET_MISSING', 'JOB_DATA_ERASED', 'JOB_LOCKED', 'LLM_CALL_FAILED'],
  legacyinputs_preview: ['JOB_DATA_ERASED'],
  legacyinputs_upload: [...UPLOAD, 'INPUT_FILENAME_COUNT_MISMATCH', 'INPUT_ROLE_COUNT_MISMATCH'],
  legacyjobs_confirm: [...CONFIRM, 'JOB_LOCKED', 'JOB_VERSION_CONFLICT'],
  legacyjobs_create: ['JOB_DATA_CORRUPTED'],
  legacyjobs_run: [...CONFIRM, 'JOB_LOCKED', 'JOB_VERSION_CONFLICT'],
  legacyplan_freeze: [
    ...CONFIRM,
    'JOB_LOCKED',
    'JOB_VERSION_CONFLICT',
    'PLAN_ALREADY_FROZEN_CONFLICT',
    'PLAN_FREEZE_NOT_ALLOWED',
    'PLAN_MISSING',
  ],
  legacyplan_get: ['JOB_DATA_ERASED', 'PLAN_MISSING'],
  queues_pause: ['REASON_REQUIRED'],
  queues_resume: ['REASON_REQUIRED'],
  runs_plan: ['JOB_DATA_ERASED', 'PLAN_MISSING'],
  tasks_cancel: ['REASON_REQUIRED', 'TASK_ENDED'],
  uploads_append: APPEND,
  uploads_begin: [...ANNOUNCE, ...APPEND],
  uploads_complete: [...ADD, 'UPLOAD_CHECKSUM_MISMATCH', 'UPLOAD_INCOMPLETE'],
  uploads_look: ADD,
  uploads_presign: [...ANNOUNCE, 'ARTIFACT_STORE_UNAVAILABLE', 'PRESIGN_UNSUPPORTED'],
  webhooks_create: ['WEBHOOKS_LIMIT_EXCEEDED', 'WEBHOOK_URL_REFUSED'],
};

/** Every code that the operation can be refused with, by name. */
export function refusalsOf(operation: Operation, method: string, isEnding: boolean): ErrorCode[] {
  const isKeyed = (operation.security ?? []).length > 0;
  const codes = [
    ...ANY,
    ...(isKeyed ? BEHIND_A_KEY : []),
    ...(isKeyed && method !== 'get' ? CHANGES : []),
    ...(operation.requestBody ? WITH_A_BODY : []),
    ...(isKeyed && heedsAccept(operation) ? (['NOT_ACCEPTABLE'] as const) : []),
    ...(isEnding ? OF_AN_ENDING_VERSION : []),
    ...(operation.parameters ?? []).flatMap(({ name }) => BY_PARAMETER[name] ?? []),
    ...(OWN_REFUSALS[operation.operationId] ?? []),
  ];
  return [...new Set(codes)].sort();
}

/** Files are given whatever is asked for, and the routes of the legacy service never looked. */
function heedsAccept({ operationId, responses }: Operation): boolean {
  const types = Object.values(responses).flatMap(({ content = {} }) => Object.keys(content));
  return !operationId.startsWith('legacy') && !types.includes('application/octet-stream');
}
