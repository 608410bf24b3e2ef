import type { Instant } from '#database';
import type { JobStatus } from '#jobs';
import type { Step } from '#plans';
import type { ExactNumber } from '../format/exact-number.js';
import type { Json, JsonObject } from '../format/json.js';

/** The rows of one job, column by column, as they are written and compared. */
export interface JobRows {
  job: JobRow;
  runs: RunRow[];
  draft: DraftRow | null;
  plan: PlanRow | null;
  artifacts: ArtifactRow[];
  /** Of the inputs' manifest, those that this release can read. Known only once the files were brought in. */
  datasets: DatasetRow[];
}

export interface JobRow {
  tenant_id: string;
  job_id: string;
  version: number | ExactNumber;
  status: JobStatus;
  requirement: string | null;
  inputs_fingerprint: string | null;
  draft_revision: number;
  plan_id: string | null;
  /** What a worker must be able to do for its plan. */
  needs: string[];
  attempts: number;
  lease_no: number;
  run_id: string | null;
  trace_id: string;
  created_at: Instant;
  updated_at: Instant;
  confirmed_at: Instant | null;
  queued_at: Instant | null;
  scheduled_at: Instant | null;
  started_at: Instant | null;
  finished_at: Instant | null;
  schema_version: number;
  /** Unknown keys, and what no column says; see README. */
  legacy: JsonObject;
}

export interface RunRow {
  run_id: string;
  attempt: number;
  lease_no: number;
  started_at: Instant;
  ended_at: Instant | null;
  outcome: string | null;
  legacy: JsonObject;
}

export interface DraftRow {
  text: string;
  steps: Step[];
  created_at: Instant;
  legacy: JsonObject;
}

export interface PlanRow {
  plan_id: string;
  plan_version: number;
  document: { plan_version: number; steps: Step[] };
  draft_revision: number;
  notes: string | null;
  frozen_at: Instant;
  legacy: JsonObject;
}

export interface DatasetRow {
  dataset_key: string;
  role: string;
  original_name: string;
  format: string;
  bytes: number;
  sha256: string;
  storage_name: string;
  uploaded_at: Instant;
}

export interface ArtifactRow {
  rel_path: string;
  kind: string;
  content_type: string;
  bytes: number | null;
  sha256: string | null;
  storage_name: string;
  run_id: string | null;
  created_at: Instant;
  /** Its entries in the job's list, each with its place: a list may name a file twice. */
  legacy: Json[];
}
