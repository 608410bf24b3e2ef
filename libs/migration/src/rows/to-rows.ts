import type { Instant } from '#database';
import { planNeeds } from '#plans';
import { legacyInstant } from '../format/instant-text.js';
import type { Json, JsonObject } from '../format/json.js';
import type { LegacyJob } from '../format/legacy-job.js';
import type { Detail } from '../reasons.js';
import { toArtifactRows } from './artifact-rows.js';
import type { DraftRow, JobRow, JobRows, PlanRow, RunRow } from './job-rows.js';
import { type LiftedPlan, liftPlan } from './plan-rows.js';
import { restOf, toRunRows } from './run-rows.js';
import { hashOf } from './secrets.js';
import { TypedInstants } from './typed-instants.js';

/** What becomes of a job that its file says is running. */
export type RunningPolicy = 'requeue' | 'fail' | 'keep';

export interface MappedJob {
  rows: JobRows;
  repairs: Detail[];
  /** The plan can be carried out; false where its steps wait for each other. */
  isRunnable: boolean;
}

/** Fields with columns of their own; everything else that is not null goes into `legacy`. */
const IN_COLUMNS = new Set([
  ...['schema_version', 'version', 'tenant_id', 'job_id', 'trace_id', 'status', 'requirement'],
  ...[
    'created_at',
    'scheduled_at',
    'runs',
    'artifacts_index',
    'draft',
    'llm_plan',
    'auth_token',
    'redeem_task_code',
  ],
]);
/** Of these, null and absent are the same. Of a key that the format does not know, they are not. */
const NULLABLE = new Set([
  'confirmation',
  'inputs',
  'selected_template_id',
  'output_formats',
  'auth_expires_at',
]);

/** Under this key `legacy` holds what is ours, not the file's. */
export const LIFTED = 'ss:lifted';

const FROZEN = ['confirmed', 'queued', 'running', 'succeeded', 'failed'];

/** The rows of a job, from what the legacy reader makes of its file. The same document gives the same rows. */
export function toRows(job: LegacyJob, fileTime: Instant, running: RunningPolicy): MappedJob {
  const instants = new TypedInstants(fileTime);
  const createdAt = instants.read(job.created_at, '/created_at');
  const scheduledAt = instants.readNullable(job.scheduled_at, '/scheduled_at');
  const fingerprint = job.inputs?.fingerprint ?? null;
  const lifted = job.llm_plan ? liftPlan(job.llm_plan, fingerprint) : null;
  const isFrozen = lifted !== null && FROZEN.includes(job.status);
  const runs = toRunRows(job, running === 'keep', fileTime, instants);
  const artifacts = toArtifactRows(job, runs, fileTime);
  const draft = toDraftRow(job, isFrozen ? null : lifted, instants);
  const row: JobRow = {
    tenant_id: job.tenant_id,
    job_id: job.job_id,
    version: job.version,
    status: job.status,
    requirement: job.requirement,
    inputs_fingerprint: fingerprint,
    draft_revision: draft ? 1 : 0,
    plan_id: isFrozen ? lifted.planId : null,
    needs: isFrozen ? needsOf(lifted) : [],
    // Only a failed job has used its attempts up; one that waits has all of them, as after a retry.
    attempts: job.status === 'failed' ? runs.filter((run) => run.outcome === 'failed').length : 0,
    lease_no: runs.length,
    run_id: runs.at(-1)?.run_id ?? null,
    trace_id: job.trace_id,
    created_at: createdAt,
    updated_at: fileTime,
    ...timesOf(job, scheduledAt, runs, fileTime),
    schema_version: job.schema_version,
    legacy: legacyOf(job, createdAt, scheduledAt, isFrozen, artifacts.rest),
  };
  const cycle: Detail[] = lifted?.cycle ? [{ reason: 'PLAN_CYCLE', pointer: '/llm_plan/steps' }] : [];
  return {
    rows: {
      job: row,
      runs,
      draft,
      plan: isFrozen ? toPlanRow(job, lifted, scheduledAt ?? createdAt) : null,
      artifacts: artifacts.rows,
      datasets: [],
    },
    repairs: [...instants.repairs, ...cycle],
    isRunnable: !lifted?.cycle,
  };
}

/** No worker offers this: a plan that cannot run is claimed by none, whoever wakes them. */
const CANNOT_RUN = 'plan_without_cycle';

function needsOf(lifted: LiftedPlan): string[] {
  return lifted.cycle ? [...planNeeds(lifted.plan), CANNOT_RUN] : planNeeds(lifted.plan);
}

function timesOf(
  { status }: LegacyJob,
  scheduledAt: Instant | null,
  runs: readonly RunRow[],
  fileTime: Instant,
): Pick<JobRow, 'confirmed_at' | 'queued_at' | 'scheduled_at' | 'started_at' | 'finished_at'> {
  const hasEnded = status === 'succeeded' || status === 'failed';
  return {
    // The legacy service confirmed and queued in one save.
    confirmed_at: scheduledAt,
    queued_at: scheduledAt,
    scheduled_at: scheduledAt,
    started_at: runs.at(-1)?.started_at ?? null,
    finished_at: hasEnded ? (runs.at(-1)?.ended_at ?? fileTime) : null,
  };
}

/** A draft of the legacy service has no steps; a plan that was frozen before its job was confirmed gives it some. */
function toDraftRow(job: LegacyJob, early: LiftedPlan | null, instants: TypedInstants): DraftRow | null {
  if (!job.draft) return null;
  const createdAt = instants.read(job.draft.created_at, '/draft/created_at');
  return {
    text: job.draft.text,
    steps: early?.plan.steps ?? [],
    created_at: createdAt,
    legacy: restOf(job.draft, { text: job.draft.text, created_at: legacyInstant(createdAt) }),
  };
}

function toPlanRow(job: LegacyJob, lifted: LiftedPlan, frozenAt: Instant): PlanRow {
  return {
    plan_id: lifted.planId,
    plan_version: lifted.plan.plan_version,
    document: lifted.plan,
    draft_revision: job.draft ? 1 : 0,
    notes: job.confirmation?.notes ?? null,
    frozen_at: frozenAt,
    legacy: job.llm_plan ?? {},
  };
}

function legacyOf(
  job: LegacyJob,
  createdAt: Instant,
  scheduledAt: Instant | null,
  isFrozen: boolean,
  artifacts: Json[],
): JsonObject {
  const kept = Object.entries(job).filter(
    ([key, value]) => !IN_COLUMNS.has(key) && !(value === null && NULLABLE.has(key)),
  );
  const ours: JsonObject = {
    ...(job.auth_token === null ? {} : { auth_token_sha256: hashOf(job.auth_token) }),
    ...(job.redeem_task_code === null ? {} : { redeem_task_code_sha256: hashOf(job.redeem_task_code) }),
    ...(artifacts.length > 0 ? { artifacts_index: artifacts } : {}),
  };
  return {
    ...Object.fromEntries(kept),
    ...(legacyInstant(createdAt) === job.created_at ? {} : { created_at: job.created_at }),
    ...(job.scheduled_at === null || (scheduledAt && legacyInstant(scheduledAt) === job.scheduled_at)
      ? {}
      : { scheduled_at: job.scheduled_at }),
    ...(job.llm_plan && !isFrozen ? { llm_plan: job.llm_plan } : {}),
    ...(Object.keys(ours).length > 0 ? { [LIFTED]: ours } : {}),
  };
}
