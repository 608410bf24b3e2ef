export const JOB_STATUSES = [
  'created',
  'draft_ready',
  'confirmed',
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

interface Move {
  from: readonly JobStatus[];
  to: JobStatus;
  /** What the audit calls it. */
  action: `job.${string}`;
}

/**
 * Every way in which a job changes its state.
 *
 *     created ──draft──▶ draft_ready ──confirm──▶ confirmed ──enqueue──▶ queued ──start──▶ running ──succeed──▶ succeeded
 *                                                                        ▲   ▲              │   │
 *                                                                        │   └───requeue────┘   └──fail──▶ failed
 *                                                                        │└────────────retry────────────────┤
 *                                                                        └─────────────expire───────────────▶┘
 *     created, draft_ready, confirmed, queued, running ──cancel──▶ cancelled
 *
 * The table `job_move` holds the same rows, so that the database refuses every other move by itself; a test
 * compares the two. A new move is a line here, a schema migration, a method of `JobLifecycle`, a route.
 */
export const moves = {
  draft: { from: ['created'], to: 'draft_ready', action: 'job.drafted' },
  confirm: { from: ['draft_ready'], to: 'confirmed', action: 'job.confirmed' },
  enqueue: { from: ['confirmed'], to: 'queued', action: 'job.enqueued' },
  start: { from: ['queued'], to: 'running', action: 'job.started' },
  succeed: { from: ['running'], to: 'succeeded', action: 'job.succeeded' },
  fail: { from: ['running'], to: 'failed', action: 'job.failed' },
  requeue: { from: ['running'], to: 'queued', action: 'job.requeued' },
  retry: { from: ['failed'], to: 'queued', action: 'job.retried' },
  expire: { from: ['queued'], to: 'failed', action: 'job.expired' },
  cancel: {
    from: ['created', 'draft_ready', 'confirmed', 'queued', 'running'],
    to: 'cancelled',
    action: 'job.cancelled',
  },
} as const satisfies Record<string, Move>;

export type JobMove = keyof typeof moves;

/** No move leads on from these, but for a retry of what failed. */
export const END_STATUSES = ['succeeded', 'failed', 'cancelled'] as const satisfies readonly JobStatus[];

export function hasEnded(status: JobStatus): boolean {
  return (END_STATUSES as readonly JobStatus[]).includes(status);
}
