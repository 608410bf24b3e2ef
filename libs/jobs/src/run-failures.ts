import { STEP_FAILURES } from '#execution';

/**
 * Every code that a run can fail with. `retry`: whether the same plan on the same data may well succeed when it is
 * tried again. A plan may name further codes for itself (`retry.codes`).
 */
export const RUN_FAILURES = {
  ...STEP_FAILURES,
  RUN_TIMED_OUT: { retry: false, means: 'The whole run took longer than it may.' },
  RUN_INTERNAL_ERROR: {
    retry: true,
    means: 'The worker could not carry the run out, for no fault of its plan.',
  },
  RUN_FILES_UNAVAILABLE: { retry: true, means: 'The artifact store could not be read or written.' },
  QUOTA_STORAGE_EXCEEDED: {
    retry: false,
    means: 'With the artifacts of the step the tenant would have stored more than it may.',
  },
  POISON_JOB: { retry: false, means: 'Workers that ran the job were gone before it ended, too often.' },
  JOB_EXPIRED: { retry: false, means: 'The job waited in the queue until its time was over.' },
} as const satisfies Record<string, { retry: boolean; means: string }>;

export type RunFailureCode = keyof typeof RUN_FAILURES;

export function isRunFailureCode(code: string): code is RunFailureCode {
  return Object.hasOwn(RUN_FAILURES, code);
}
