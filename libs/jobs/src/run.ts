import type { Instant } from '#database';
import type { Plan } from '#plans';
import type { StepSummary } from '#execution';
import type { CarriedTrace } from '#observability';
import type { Failure } from './job.js';
import type { InputDataset } from './job-input-rows.js';

export type RunOutcome = 'succeeded' | 'failed' | 'interrupted' | 'lost' | 'cancelled' | 'timed_out';

/** A worker's time-limited right to a run. Everything the worker writes names all of it. */
export interface Lease {
  tenantId: string;
  jobId: string;
  runId: string;
  leaseNo: number;
}

/** A job that was just claimed. */
export interface ClaimedRun extends Lease {
  attempt: number;
  traceId: string;
  /** What the run's span continues. */
  trace: CarriedTrace;
}

/** A step that an earlier run of the same plan has done, with the files that it left. */
export interface DoneStep {
  stepId: string;
  runId: string;
  files: { kind: string; storageName: string }[];
}

/** What the worker needs to carry the run out. */
export interface RunOrder {
  plan: Plan;
  datasets: InputDataset[];
  done: DoneStep[];
}

export interface StepRecord {
  step_id: string;
  position: number;
  type: string;
  status: RunOutcome | 'running';
  outcome: RunOutcome | null;
  started_at: Instant;
  ended_at: Instant | null;
  error: Failure | null;
  summary: StepSummary | null;
  /** The run that did the step, when this one took its results over. */
  resumed_from: string | null;
}

/** One attempt to carry the plan out, as clients see it. */
export interface RunRecord {
  run_id: string;
  attempt: number;
  lease_no: number;
  worker_id: string;
  worker_build: string;
  /** `running`, or the outcome once there is one. */
  status: RunOutcome | 'running';
  outcome: RunOutcome | null;
  started_at: Instant;
  ended_at: Instant | null;
  error: Failure | null;
  steps: StepRecord[];
}
