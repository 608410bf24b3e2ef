import { DomainError } from '#observability';

/** Long enough for some jobs to start. */
const RETRY_AFTER_SECONDS = 5;

/** The tenant has as many jobs in the queue as its quota says. Nothing was changed. */
export class QueuedJobsExceeded extends DomainError {
  constructor(limit: number, current: number) {
    super(
      'QUOTA_QUEUED_JOBS_EXCEEDED',
      `The tenant has ${String(current)} jobs in the queue and may have ${String(limit)}. Try again when some have started.`,
      { limit, current, retry_after_seconds: RETRY_AFTER_SECONDS },
    );
  }
}
