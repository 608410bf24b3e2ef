import { httpMetrics } from './metrics/http-metrics.js';
import { jobMetrics } from './metrics/job-metrics.js';
import { modelMetrics } from './metrics/model-metrics.js';
import { processMetrics } from './metrics/process-metrics.js';
import { workerMetrics } from './metrics/worker-metrics.js';

/**
 * Every metric that a process tells of itself: what it counts, in which unit, by which labels, and which programs tell
 * it (`registers`). A label has few values, known beforehand: never an id of a job, never a text that somebody wrote.
 * What is true of the whole system is in `systemMetrics`. `docs/metrics.md` lists both, and a test compares.
 */
export const metrics = {
  ...processMetrics,
  ...httpMetrics,
  ...jobMetrics,
  ...workerMetrics,
  ...modelMetrics,
};
