import { Counter, Histogram } from 'prom-client';
import { BOTH, WORKER } from './registries.js';

/** From moments to weeks: a job may wait for a person. */
const STATE_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 604_800];
const WAIT_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];
const WORK_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200];

/** What becomes of jobs, counted by the process that did it, once it is committed. */
export const jobMetrics = {
  /** event: as the audit calls the move (`created`, `drafted`, … `succeeded`, `failed`, `cancelled`); `failed` holds `expired`. */
  jobs: new Counter({
    name: 'ss_jobs_total',
    help: 'What happened to jobs: every move, and their creation.',
    labelNames: ['event'] as const,
    registers: BOTH,
  }),
  /** status: the one that was left. */
  jobStateSeconds: new Histogram({
    name: 'ss_job_state_duration_seconds',
    help: 'How long a job stayed in a state, when it left it.',
    labelNames: ['status'] as const,
    buckets: STATE_SECONDS,
    registers: BOTH,
  }),
  jobStartDelaySeconds: new Histogram({
    name: 'ss_job_start_delay_seconds',
    help: 'From when a queued job could run until its run began.',
    buckets: WAIT_SECONDS,
    registers: WORKER,
  }),
  claimSeconds: new Histogram({
    name: 'ss_claim_duration_seconds',
    help: 'How long a claim took that brought at least one job.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers: WORKER,
  }),
  runSeconds: new Histogram({
    name: 'ss_run_duration_seconds',
    help: 'How long a run took, by how it ended; its count is the number of runs.',
    labelNames: ['outcome'] as const,
    buckets: WORK_SECONDS,
    registers: BOTH,
  }),
  jobAttempts: new Histogram({
    name: 'ss_job_attempts',
    help: 'How many attempts a job had when its run ended it.',
    buckets: [1, 2, 3, 5, 10],
    registers: WORKER,
  }),
  stepSeconds: new Histogram({
    name: 'ss_step_duration_seconds',
    help: 'How long a step took, by its type and how it ended; one that was taken over from an earlier run is not told.',
    labelNames: ['type', 'outcome'] as const,
    buckets: WORK_SECONDS,
    registers: WORKER,
  }),
  /** code: of the refusal. Which tenants they are, their own quotas tell. */
  quotaRefusals: new Counter({
    name: 'ss_quota_refusals_total',
    help: 'Requests, drafts and steps that were refused because their tenant was past its quota.',
    labelNames: ['code'] as const,
    registers: BOTH,
  }),
};
