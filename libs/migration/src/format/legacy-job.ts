import type { ExactNumber } from './exact-number.js';
import type { JsonObject } from './json.js';
import type { LegacyStatus } from './legacy-format.js';

/** What the legacy reader makes of a document of version 3: every field is there. Other keys may be, too. */
export interface LegacyJob extends JsonObject {
  schema_version: number;
  version: number | ExactNumber;
  tenant_id: string;
  job_id: string;
  trace_id: string;
  status: LegacyStatus;
  requirement: string | null;
  confirmation: (JsonObject & { notes: string | null }) | null;
  created_at: string;
  scheduled_at: string | null;
  inputs: (JsonObject & { manifest_rel_path: string | null; fingerprint: string | null }) | null;
  draft: LegacyDraft | null;
  llm_plan: LegacyPlan | null;
  runs: LegacyRun[];
  artifacts_index: LegacyArtifact[];
  redeem_task_code: string | null;
  auth_token: string | null;
}

export interface LegacyDraft extends JsonObject {
  text: string;
  created_at: string;
}

export interface LegacyPlan extends JsonObject {
  plan_id: string;
  steps: LegacyStep[];
}

export interface LegacyStep extends JsonObject {
  step_id: string;
  type: string;
  purpose: string;
  params: JsonObject;
  depends_on: string[];
  produces: string[];
}

export interface LegacyRun extends JsonObject {
  run_id: string;
  attempt: number | ExactNumber;
  status: string;
  started_at: string | null;
  ended_at: string | null;
  artifacts: LegacyArtifact[];
}

export interface LegacyArtifact extends JsonObject {
  kind: string;
  rel_path: string;
}
