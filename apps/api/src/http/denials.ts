import type { Actor } from '#database';
import { AccessRefused, type DeniedAttempt, PLATFORM, TenantNotFound } from '#tenancy';
import type { FastifyRequest } from 'fastify';
import type { ProblemBody } from './problem.js';

/** Whose audit it is when it is not known who asked. */
export const NOBODY: { tenantId: string; actor: Actor } = {
  tenantId: PLATFORM,
  actor: { kind: 'anonymous', id: 'anonymous' },
};

/**
 * Which refusals are attempts at what one may not, and so on the audit: without a valid key, without the right, or
 * for an id that the tenant does not have, be it another's or nobody's: row-level security hides which. Every code of
 * such a status is decided here; a test compares.
 */
export const DENIALS: Readonly<Record<string, boolean>> = {
  API_KEY_NOT_FOUND: true,
  API_KEY_SCOPE_NOT_HELD: true,
  ARTIFACT_NOT_FOUND: true,
  AUTH_BEARER_TOKEN_INVALID: true,
  AUTH_BEARER_TOKEN_MISSING: true,
  AUTH_SCOPE_MISSING: true,
  AUTH_TENANT_UNKNOWN: true,
  INPUT_DATASET_NOT_FOUND: true,
  JOB_NOT_FOUND: true,
  RUN_NOT_FOUND: true,
  TASK_NOT_FOUND: true,
  TENANT_MISMATCH: true,
  TENANT_NOT_FOUND: true,
  UPLOAD_NOT_FOUND: true,
  WEBHOOK_NOT_FOUND: true,
  WEBHOOK_DELIVERY_NOT_FOUND: true,
  // There is no such address, so nothing that could be somebody's.
  API_NOT_FOUND: false,
  // Auditors are made by ssctl alone; no route knows them.
  AUDITOR_NOT_FOUND: false,
  // The queues and the months of the audit are the same for everyone.
  AUDIT_MONTH_NOT_FOUND: false,
  QUEUE_NOT_FOUND: false,
  // The job is the tenant's own, and not that far.
  DRAFT_NOT_FOUND: false,
  PLAN_MISSING: false,
};

/** The attempt that was refused with this problem, if it is one for the audit. */
export function denialOf(
  error: unknown,
  problem: ProblemBody,
  request: FastifyRequest,
): DeniedAttempt | null {
  if (DENIALS[problem.code] !== true) return null;
  const suspect = error instanceof AccessRefused || error instanceof TenantNotFound ? error.suspect : null;
  const { tenantId, actor } = request.asking?.caller ?? suspect ?? NOBODY;
  return {
    ...{ tenantId, actor, code: problem.code, status: problem.status, requestId: request.id },
    route: `${request.method} ${request.routeOptions.url ?? '*'}`,
    keyId: suspect?.keyId,
    why: error instanceof AccessRefused ? error.why : null,
  };
}
