import { PLAN_VERSION } from './plan.js';

/**
 * The versions of the plan document that this release knows. To add one: raise `PLAN_VERSION` in plan.ts,
 * move the number before it from `write` into `read` with a reader that lifts it, and keep a golden plan of it
 * in the tests. A version in `migrated` is never read here; migrating its job rewrites it.
 */
export const PLAN_VERSIONS = {
  read: [PLAN_VERSION],
  write: PLAN_VERSION,
  migrated: [1],
} as const;

/** What is wrong with this `plan_version`, in a sentence; null when the document can be read. */
export function versionFault(version: unknown): string | null {
  if (PLAN_VERSIONS.read.some((known) => known === version)) return null;
  if (PLAN_VERSIONS.migrated.some((known) => known === version)) {
    return `plan_version ${String(version)} must be upgraded by migration before it can be used; write version ${PLAN_VERSIONS.write}`;
  }
  return `is not a supported plan_version; supported: ${PLAN_VERSIONS.read.join(', ')}`;
}
