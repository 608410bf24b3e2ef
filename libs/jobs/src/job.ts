import type { Instant } from '#database';
import type { CarriedTrace } from '#observability';
import type { JobRef } from '#queue';
import type { JobStatus } from './job-moves.js';

/** How a run, a step or a drafting failed. */
export interface Failure {
  code: string;
  message: string;
  step_id?: string;
}

/** How a drafting failed. */
export interface DraftFailure extends Failure {
  /** How often a language model was asked. */
  attempts?: number;
  /** When a budget that is used up begins anew. */
  resets_at?: Instant;
}

/** A drafting that was asked for: not answered yet, or how it failed. */
export interface DraftTask {
  task_id: string;
  state: 'pending' | 'failed';
  /** The provider of the language model asked to be left alone until then. */
  not_before?: Instant;
  error?: DraftFailure;
}

/** A job as its row has it. Fields keep their column's name from SQL to HTTP (docs/decisions/0003). */
export interface Job {
  tenant_id: string;
  job_id: string;
  version: number;
  status: JobStatus;
  requirement: string | null;
  priority: number;
  labels: Record<string, string>;
  inputs_fingerprint: string | null;
  draft_revision: number;
  draft_task: DraftTask | null;
  plan_id: string | null;
  attempts: number;
  lost_runs: number;
  /** What a worker must be able to do to be given this job. */
  needs: string[];
  lease_no: number;
  run_id: string | null;
  error: Failure | null;
  trace_id: string;
  /** The span that asked for the job; null when nobody told one. */
  trace_parent: string | null;
  trace_state: string | null;
  created_at: Instant;
  updated_at: Instant;
  confirmed_at: Instant | null;
  queued_at: Instant | null;
  scheduled_at: Instant | null;
  expires_at: Instant | null;
  started_at: Instant | null;
  finished_at: Instant | null;
  /** Since then its data are gone: texts, drafts, plan, datasets, artifacts. Nothing of it changes any more. */
  erased_at: Instant | null;
}

/** What is carried of the job's trace where nothing newer is known. */
export function traceOf(
  job: Pick<Job, 'trace_id' | 'trace_parent' | 'trace_state' | 'created_at'>,
): CarriedTrace {
  return {
    trace_id: job.trace_id,
    ...(job.trace_parent === null ? {} : { traceparent: job.trace_parent, at: Date.parse(job.created_at) }),
    ...(job.trace_state === null ? {} : { tracestate: job.trace_state }),
  };
}

export function refOf(job: Pick<Job, 'tenant_id' | 'job_id'>): JobRef {
  return { tenantId: job.tenant_id, jobId: job.job_id };
}
