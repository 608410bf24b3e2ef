import { jobMetrics } from './job-metrics.js';
import { processMetrics } from './process-metrics.js';
import { workerMetrics } from './worker-metrics.js';

const EVENTS = [
  ...['created', 'drafted', 'confirmed', 'enqueued', 'started', 'requeued', 'retried'],
  ...['succeeded', 'failed', 'cancelled'],
];
const OUTCOMES = ['succeeded', 'failed', 'interrupted', 'lost', 'cancelled', 'timed_out'];

/**
 * Lets counters begin at nothing where their labels are known: Prometheus sees no rise from a series that was not there
 * before, so the first loss after a start would raise no alert.
 */
export function tellZeros(): void {
  for (const event of EVENTS) jobMetrics.jobs.inc({ event }, 0);
  for (const outcome of OUTCOMES) jobMetrics.runSeconds.zero({ outcome });
  for (const code of ['QUOTA_QUEUED_JOBS_EXCEEDED', 'QUOTA_REQUESTS_EXCEEDED', 'QUOTA_STORAGE_EXCEEDED'])
    jobMetrics.quotaRefusals.inc({ code }, 0);
  for (const reason of ['lease_lost', 'lease_expired']) workerMetrics.leasesLost.inc({ reason }, 0);
  for (const cause of ['disk_full', 'read_only', 'io_error']) processMetrics.refusedWrites.inc({ cause }, 0);
}
