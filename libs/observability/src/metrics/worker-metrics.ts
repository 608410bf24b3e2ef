import { Counter, Gauge, Histogram } from 'prom-client';
import { WORKER } from './registries.js';

/** What a worker tells of itself, and of what it does beside its jobs. */
export const workerMetrics = {
  workerUp: new Gauge({
    name: 'ss_worker_up',
    help: 'Whether this worker takes jobs: 1, or 0 while it shuts down.',
    labelNames: ['worker_id'] as const,
    registers: WORKER,
  }),
  inflightJobs: new Gauge({
    name: 'ss_worker_inflight_jobs',
    help: 'Jobs that this worker runs now.',
    labelNames: ['worker_id'] as const,
    registers: WORKER,
  }),
  workerSlots: new Gauge({
    name: 'ss_worker_slots',
    help: 'Jobs that this worker can run at once.',
    registers: WORKER,
  }),
  /** reason: lease_lost (somebody took the run), lease_expired (it could not be renewed in time). */
  leasesLost: new Counter({
    name: 'ss_worker_leases_lost_total',
    help: 'Runs that this worker had to end because its lease was gone.',
    labelNames: ['reason'] as const,
    registers: WORKER,
  }),
  /** kind: woken (a job had no message), dropped (a message had no job), given_up (a draft was tried too often). */
  queueRepairs: new Counter({
    name: 'ss_queue_repairs_total',
    help: 'Disagreements between jobs and messages that the reconciler mended.',
    labelNames: ['queue', 'kind'] as const,
    registers: WORKER,
  }),
  /** outcome: delivered, failed (tried again), dead (given up). */
  webhookCalls: new Counter({
    name: 'ss_webhook_calls_total',
    help: 'Calls of webhooks, by what became of their delivery.',
    labelNames: ['outcome'] as const,
    registers: WORKER,
  }),
  webhookCallSeconds: new Histogram({
    name: 'ss_webhook_call_duration_seconds',
    help: 'How long a call of a webhook took.',
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: WORKER,
  }),
  /** kind: job, llm_call, idempotency_key (rows), file. */
  retentionRemoved: new Counter({
    name: 'ss_retention_removed_total',
    help: 'What was removed because its time was over, or because nothing owned it any more.',
    labelNames: ['kind'] as const,
    registers: WORKER,
  }),
  auditMonthsRetired: new Counter({
    name: 'ss_audit_months_retired_total',
    help: 'Months of the audit that this worker dropped.',
    registers: WORKER,
  }),
  auditRowsRetired: new Counter({
    name: 'ss_audit_rows_retired_total',
    help: 'Rows of the audit that went with those months.',
    registers: WORKER,
  }),
  /** As this worker saw it last; rises for ever where no month is dropped. */
  auditOldestMonth: new Gauge({
    name: 'ss_audit_oldest_month_seconds',
    help: 'How long ago the oldest month of the audit began that is still there.',
    registers: WORKER,
  }),
};
