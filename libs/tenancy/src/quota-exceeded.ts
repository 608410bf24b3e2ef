import { DomainError, type ErrorCode } from '#observability';

interface QuotaFacts {
  limit: number;
  /** What the tenant has without what was refused. */
  current: number;
  /** When trying again may be worth it. */
  retryAfterSeconds: number;
}

/** The tenant may not use more of the deployment than its quota says. Nothing was changed. */
export class QuotaExceeded extends DomainError {
  protected constructor(code: ErrorCode, detail: string, facts: QuotaFacts) {
    super(code, detail, {
      limit: facts.limit,
      current: facts.current,
      retry_after_seconds: facts.retryAfterSeconds,
    });
  }
}

/** Long enough for some jobs to start. */
const QUEUE_RETRY_SECONDS = 5;
/** Tokens come every second. */
const RATE_RETRY_SECONDS = 1;
/** Streams last. */
const STREAM_RETRY_SECONDS = 10;
/** Somebody has to take something away first. */
const STORAGE_RETRY_SECONDS = 60;

export class QueuedJobsExceeded extends QuotaExceeded {
  constructor(limit: number, current: number) {
    super(
      'QUOTA_QUEUED_JOBS_EXCEEDED',
      `The tenant has ${String(current)} jobs in the queue and may have ${String(limit)}. Try again when some have started.`,
      { limit, current, retryAfterSeconds: QUEUE_RETRY_SECONDS },
    );
  }
}

export class RequestsExceeded extends QuotaExceeded {
  constructor(limit: number) {
    super(
      'QUOTA_REQUESTS_EXCEEDED',
      `The tenant may send ${String(limit)} requests a second and has sent them. Try again in a second.`,
      { limit, current: limit, retryAfterSeconds: RATE_RETRY_SECONDS },
    );
  }
}

export class EventStreamsExceeded extends QuotaExceeded {
  constructor(limit: number) {
    super(
      'QUOTA_EVENT_STREAMS_EXCEEDED',
      `The tenant has ${String(limit)} event streams open at this server, as many as it may. Close one, or follow all jobs by one.`,
      { limit, current: limit, retryAfterSeconds: STREAM_RETRY_SECONDS },
    );
  }
}

export class StorageExceeded extends QuotaExceeded {
  constructor(limit: number, current: number) {
    super(
      'QUOTA_STORAGE_EXCEEDED',
      `The tenant has stored ${String(current)} bytes of inputs and artifacts and may store ${String(limit)}; this does ` +
        'not fit. Take away what is not needed, or ask for more.',
      { limit, current, retryAfterSeconds: STORAGE_RETRY_SECONDS },
    );
  }
}
