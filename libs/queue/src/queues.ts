import type { Queue as QueueOptions } from 'pg-boss';

/** What a message asks a worker to look at. The row tells what is to be done, if anything. */
export interface JobRef {
  tenantId: string;
  jobId: string;
}

/** Where messages go that were given up. Nobody takes them from there; see `DeadLetters`. */
export const DEAD_QUEUE = 'job.dead';

/** Long enough for whoever comes back from a holiday. */
export const DEAD_QUEUE_OPTIONS = {
  policy: 'standard',
  retentionSeconds: 90 * 24 * 3600,
} as const satisfies Omit<QueueOptions, 'name'>;

/**
 * Every queue, with its settings in pg-boss. `exclusive` with a key per job: at most one live message a job.
 * `partition`: a table of its own, which is fetched tens of times faster than the shared one.
 */
export const QUEUES = {
  /** A job that stands in `queued`. Taken in the transaction that claims the job, so it needs no expiry. */
  'job.run': { policy: 'exclusive', partition: true, notify: true, retentionSeconds: 30 * 24 * 3600 },
  /**
   * A job that waits for its draft. Held while the drafter works: when the worker dies, pg-boss hands the
   * message out again after `expireInSeconds`, which must be longer than a drafting may take.
   */
  'job.draft': {
    policy: 'exclusive',
    partition: true,
    notify: true,
    expireInSeconds: 180,
    retryLimit: 3,
    deadLetter: DEAD_QUEUE,
    retentionSeconds: 24 * 3600,
    deleteAfterSeconds: 24 * 3600,
  },
} as const satisfies Record<string, Omit<QueueOptions, 'name'>>;

export type QueueName = keyof typeof QUEUES;

export function isQueueName(text: string): text is QueueName {
  return Object.hasOwn(QUEUES, text);
}

/** pg-boss keeps its tables apart from ours. */
export const QUEUE_SCHEMA = 'pgboss';
