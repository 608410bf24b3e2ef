import { Counter, Gauge, Histogram } from 'prom-client';
import { API } from './registries.js';

const LABELS = ['method', 'route', 'status_code'] as const;

/** What the API tells of its requests. `route` is the pattern of the address, never the address. */
export const httpMetrics = {
  httpRequests: new Counter({
    name: 'ss_http_requests_total',
    help: 'Requests that were answered.',
    labelNames: LABELS,
    registers: API,
  }),
  httpRequestSeconds: new Histogram({
    name: 'ss_http_request_duration_seconds',
    help: 'How long a request took, from its first byte to the last of its answer, unless its client asked to wait.',
    labelNames: LABELS,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: API,
  }),
  eventStreams: new Gauge({
    name: 'ss_event_streams',
    help: 'Event streams that are open.',
    registers: API,
  }),
  /** reason: job_ended, slow_reader, key_ended, shutdown, fault. Readers who went away are not counted. */
  eventStreamsEnded: new Counter({
    name: 'ss_event_streams_ended_total',
    help: 'Event streams that were ended from this side.',
    labelNames: ['reason'] as const,
    registers: API,
  }),
  versionConflicts: new Counter({
    name: 'ss_version_conflicts_total',
    help: 'Changes that were refused because somebody else had changed the job.',
    registers: API,
  }),
  idempotentReplays: new Counter({
    name: 'ss_idempotent_replays_total',
    help: 'Requests that were answered with what an earlier one with the same Idempotency-Key had made.',
    registers: API,
  }),
  /** tenant: the first that called in this process, and `other`. */
  deprecatedCalls: new Counter({
    name: 'ss_deprecated_calls_total',
    help: 'Calls to routes that say that they are deprecated.',
    labelNames: ['route', 'tenant'] as const,
    registers: API,
  }),
};
