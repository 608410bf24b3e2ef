export const WORKERS = 3;

/** Short leases, so that the time goes into faults and not into waiting; one fault runs with the defaults. */
export const SETTINGS = {
  SS_QUEUE_LEASE_TTL_SECONDS: '6',
  SS_QUEUE_HEARTBEAT_SECONDS: '2',
  SS_QUEUE_SWEEP_SECONDS: '2',
  SS_QUEUE_POLL_SECONDS: '1',
  SS_DATABASE_POOL_SIZE: '8',
  SS_DATABASE_STATEMENT_TIMEOUT_SECONDS: '10',
  SS_WORKER_CONCURRENCY: '4',
  SS_WORKER_SHUTDOWN_GRACE_SECONDS: '4',
  SS_WORKER_RETRY_BACKOFF_BASE_SECONDS: '1',
  SS_WORKER_RETRY_BACKOFF_MAX_SECONDS: '3',
  // Workers are killed by the dozen: a job may well lose many runs for no fault of its own.
  SS_WORKER_MAX_LOST_RUNS: '100',
} as const satisfies Readonly<Record<string, string>>;

/** The settings whose defaults are put to the test by a fault of their own. */
export const DEFAULT_LEASES = {
  SS_QUEUE_LEASE_TTL_SECONDS: '30',
  SS_QUEUE_HEARTBEAT_SECONDS: '10',
  SS_QUEUE_SWEEP_SECONDS: '10',
} as const satisfies Readonly<Record<string, string>>;
