import type { ErrorCode } from '#observability';
import type { ProblemBody } from '../http/problem.js';

/** The body of a refusal as the legacy service wrote it. */
export interface LegacyRefusal {
  error_code: string;
  message: string;
}

/** Where the legacy service had another status, or another code, for the same. All other codes are as today. */
const AS_LEGACY: Readonly<Partial<Record<ErrorCode, { code?: string; status?: number }>>> = {
  AUTH_SCOPE_MISSING: { code: 'AUTH_TOKEN_FORBIDDEN' },
  TENANT_MISMATCH: { code: 'AUTH_TOKEN_FORBIDDEN' },
  BODY_TOO_LARGE: { code: 'INPUT_VALIDATION_FAILED', status: 400 },
  MEDIA_TYPE_UNSUPPORTED: { code: 'INPUT_VALIDATION_FAILED', status: 400 },
  INPUT_FILE_MISSING: { code: 'INPUT_VALIDATION_FAILED' },
  INPUT_PRIMARY_DATASET_MISSING: { status: 400 },
  INPUT_PRIMARY_DATASET_MULTIPLE: { status: 400 },
  JOB_VERSION_CONFLICT: { status: 409 },
  PLAN_MISSING: { status: 409 },
  UPLOAD_FILE_SIZE_LIMIT_EXCEEDED: { status: 400 },
};

/** The problem in the words of the legacy service. What an old client reads is `message`, so the faults go there. */
export function asLegacy(problem: ProblemBody): { status: number; body: LegacyRefusal } {
  const known: Readonly<Partial<Record<string, { code?: string; status?: number }>>> = AS_LEGACY;
  const { code = problem.code, status = problem.status } = known[problem.code] ?? {};
  const faults = problem.errors?.map(({ pointer, detail }) => `${pointer} ${detail}`.trim()) ?? [];
  return { status, body: { error_code: code, message: [problem.detail, ...faults].join(' ') } };
}
