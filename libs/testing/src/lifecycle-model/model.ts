import type { JobStatus, RunOutcome } from '#jobs';

/** A run, as far as the life of a job depends on it. */
export interface ModelRun {
  leaseNo: number;
  worker: number;
  outcome: RunOutcome | null;
  /** Its lease has run out, and no sweep has come yet. */
  over: boolean;
  /** The one step of the plan; null: it was begun, undefined: it was not. */
  step: RunOutcome | null | undefined;
}

/** What a job is, without a database: plain fields that the verbs change. */
export interface ModelJob {
  status: JobStatus;
  version: number;
  attempts: number;
  lostRuns: number;
  leaseNo: number;
  draftPending: boolean;
  /** Its time to run has not come. */
  waits: boolean;
  expires: 'never' | 'later' | 'now';
  runs: ModelRun[];
}

export interface Model {
  jobs: ModelJob[];
}

export function openRun(job: ModelJob): ModelRun | undefined {
  return job.runs.find((run) => run.outcome === null);
}

/** Ends the run, and the step under way with it. */
export function close(run: ModelRun, outcome: RunOutcome): void {
  run.outcome = outcome;
  if (run.step === null) run.step = outcome;
}

export function move(job: ModelJob, status: JobStatus): void {
  job.status = status;
  job.version += 1;
}

/** The move by which a claim starts a run. */
export function start(job: ModelJob, worker: number): void {
  move(job, 'running');
  job.leaseNo += 1;
  job.runs.push({ leaseNo: job.leaseNo, worker, outcome: null, over: false, step: undefined });
}

export function mayBeClaimed(job: ModelJob): boolean {
  return job.status === 'queued' && !job.waits && job.expires !== 'now';
}
