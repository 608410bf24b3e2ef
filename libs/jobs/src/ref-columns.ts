import type { JobRef } from '#queue';

/** Jobs as the two arrays that `unnest` puts together again. */
export function columnsOf(refs: readonly JobRef[]): [string[], string[]] {
  return [refs.map((ref) => ref.tenantId), refs.map((ref) => ref.jobId)];
}
