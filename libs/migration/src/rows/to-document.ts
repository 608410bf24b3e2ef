import type { Instant } from '#database';
import { readInstant, legacyInstant } from '../format/instant-text.js';
import { isObject, type Json, type JsonObject, without } from '../format/json.js';
import { LEGACY_STATUSES } from '../format/legacy-format.js';
import type { JobRow } from './job-rows.js';
import { sayOf } from './run-rows.js';
import { LIFTED } from './to-rows.js';
import type { StoredDraft, StoredJob, StoredRun } from './stored-job.js';

/** What the old world cannot say, and what was said instead. */
export type ExportNote = 'STATUS_MAPPED' | 'PLAN_LEFT_OUT' | 'DRAFT_STEPS_LEFT_OUT';

/** States that came after the legacy service. A cancelled job must not run there again. */
const STATUS_IN_LEGACY: Readonly<Record<string, string>> = { cancelled: 'failed' };

/** The document of version 3 that the rows of a job make: what the legacy reader would have, had it done the same. */
export function toDocument(stored: StoredJob): { document: JsonObject; notes: ExportNote[] } {
  const { job } = stored;
  const ours = isObject(job.legacy?.[LIFTED]) ? job.legacy[LIFTED] : {};
  const status = STATUS_IN_LEGACY[job.status] ?? job.status;
  const draft = draftOf(stored.draft, job.legacy);
  const plan = planOf(stored);
  const notes: ExportNote[] = [];
  if (!(LEGACY_STATUSES as readonly string[]).includes(job.status)) notes.push('STATUS_MAPPED');
  if (stored.plan && plan === null) notes.push('PLAN_LEFT_OUT');
  if (stored.draft?.legacy === null && stored.draft.has_steps) notes.push('DRAFT_STEPS_LEFT_OUT');
  const document: JsonObject = {
    ...without(job.legacy ?? {}, [LIFTED]),
    schema_version: job.schema_version,
    version: job.version,
    tenant_id: job.tenant_id,
    job_id: job.job_id,
    trace_id: job.trace_id,
    status,
    requirement: job.requirement,
    confirmation: job.legacy?.['confirmation'] ?? null,
    created_at: textOf(job.created_at, job.legacy?.['created_at']),
    scheduled_at: job.scheduled_at === null ? null : textOf(job.scheduled_at, job.legacy?.['scheduled_at']),
    inputs: inputsOf(job),
    draft,
    llm_plan: plan,
    selected_template_id: job.legacy?.['selected_template_id'] ?? null,
    output_formats: job.legacy?.['output_formats'] ?? null,
    runs: stored.runs.map(runOf),
    artifacts_index: artifactsOf(stored, ours),
    redeem_task_code: asText(ours['redeem_task_code_sha256']),
    auth_token: asText(ours['auth_token_sha256']),
    auth_expires_at: job.legacy?.['auth_expires_at'] ?? null,
  };
  return { document, notes };
}

/** The text that the file had, as long as it says what the column says (or said nothing that could be read). */
function textOf(instant: Instant, written: Json | undefined): string {
  if (typeof written === 'string') {
    const read = readInstant(written);
    if (read === null || read.instant === instant) return written;
  }
  return legacyInstant(instant);
}

function inputsOf(job: Pick<JobRow, 'inputs_fingerprint'> & { legacy: JsonObject | null }): Json {
  const inputs = job.legacy?.['inputs'];
  if (isObject(inputs)) return { ...inputs, fingerprint: job.inputs_fingerprint };
  return job.inputs_fingerprint === null
    ? null
    : { manifest_rel_path: null, fingerprint: job.inputs_fingerprint };
}

function draftOf(draft: StoredDraft | null, legacy: JsonObject | null): Json {
  if (!draft) return legacy?.['draft'] ?? null;
  return {
    created_at: legacyInstant(draft.created_at),
    ...EMPTY_DRAFT,
    ...draft.legacy,
    text: draft.text,
  };
}

/** What the legacy reader fills in for a draft. */
const EMPTY_DRAFT: JsonObject = {
  outcome_var: null,
  treatment_var: null,
  controls: [],
  column_candidates: [],
  column_candidates_v2: [],
  column_name_normalizations: [],
  variable_types: [],
  data_sources: [],
  default_overrides: {},
  stage1_questions: [],
  open_unknowns: [],
};

/** A plan that was confirmed here has steps that the legacy service does not know. */
function planOf({ plan, job }: StoredJob): Json {
  return plan?.legacy ?? job.legacy?.['llm_plan'] ?? null;
}

function runOf(run: StoredRun): JsonObject {
  return { artifacts: [], ...sayOf(run), ...run.legacy };
}

/** The file's own entries in their order, then what was made here. */
function artifactsOf({ artifacts }: StoredJob, ours: JsonObject): Json[] {
  const places: [number, Json][] = [];
  const made: JsonObject[] = [];
  const note = (entries: Json | undefined): void => {
    for (const entry of Array.isArray(entries) ? entries : []) {
      if (Array.isArray(entry) && typeof entry[0] === 'number') places.push([entry[0], entry[1] ?? null]);
    }
  };
  note(ours['artifacts_index']);
  for (const artifact of artifacts) {
    if (artifact.legacy) note(artifact.legacy);
    else made.push({ kind: kindInLegacy(artifact.kind), rel_path: artifact.rel_path });
  }
  return [...places.sort(([a], [b]) => a - b).map(([, entry]) => entry), ...made];
}

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^plan/, 'plan.json'],
  [/^table/, 'stata.export.table'],
  [/^chart/, 'stata.export.figure'],
];

function kindInLegacy(kind: string): string {
  return KINDS.find(([pattern]) => pattern.test(kind))?.[1] ?? 'stata.export.other';
}

/** A hash where the legacy service has the secret. */
function asText(hash: Json | undefined): string | null {
  return typeof hash === 'string' ? `sha256:${hash}` : null;
}
