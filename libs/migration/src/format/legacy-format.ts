import { isObject, type JsonObject } from './json.js';
import {
  anObject,
  anything,
  type Findings,
  integer,
  listOf,
  object,
  oneOf,
  optional,
  recordOf,
  required,
  type Rule,
  safePath,
  scalar,
  text,
  truth,
} from './rules.js';

/** The legacy format, version 3, as its last release reads it: a table for each object of the document. */

export const LEGACY_STATUSES = [
  'created',
  'draft_ready',
  'confirmed',
  'queued',
  'running',
  'succeeded',
  'failed',
] as const;
export type LegacyStatus = (typeof LEGACY_STATUSES)[number];

const STEP_TYPES = [
  'generate_stata_do',
  'run_stata',
  'descriptive_stats',
  'robustness_check',
  'heterogeneity_analysis',
  'data_validation',
];

/** Every kind that a legacy artifact can have. */
export const ARTIFACT_KINDS = [
  ...['inputs.manifest', 'inputs.dataset', 'llm.prompt', 'llm.response', 'llm.meta', 'plan.json'],
  ...['composition.summary.json', 'composition.product.dataset', 'composition.product.table'],
  ...['do_template.source', 'do_template.meta', 'do_template.params', 'do_template.run.meta.json'],
  ...['do_template.selection.stage1', 'do_template.selection.candidates', 'do_template.selection.stage2'],
  ...['stata.do', 'stata.log', 'stata.result.log'],
  ...['run.stdout', 'run.stderr', 'run.meta.json', 'run.error.json'],
  ...['stata.export.table', 'stata.export.figure', 'stata.export.dataset', 'stata.export.report'],
  ...['stata.export.manifest', 'stata.export.other', 'stata.report.interpretation'],
] as const;

const inputs = object('kept', { manifest_rel_path: optional(safePath), fingerprint: optional(text) });

const confirmation = object('refused', {
  requirement: optional(text),
  notes: optional(text),
  variable_corrections: optional(recordOf(text), {}),
  answers: optional(recordOf(anything), {}),
  default_overrides: optional(recordOf(anything), {}),
  expert_suggestions_feedback: optional(recordOf(anything), {}),
});

const step = object('refused', {
  step_id: required(notBlank),
  type: required(oneOf(STEP_TYPES)),
  purpose: optional(text, ''),
  fallback_step_id: optional(text),
  params: optional(anObject, {}),
  depends_on: optional(listOf(text), []),
  produces: optional(listOf(oneOf(ARTIFACT_KINDS)), []),
});

const planFields = object('refused', {
  plan_version: optional(integer(), 1),
  plan_id: required(text),
  rel_path: required(safePath),
  plan_source: optional(oneOf(['llm', 'rule', 'rule_fallback']), 'rule'),
  fallback_reason: optional(text),
  steps: optional(listOf(step), []),
});

const artifact = object('kept', { kind: required(oneOf(ARTIFACT_KINDS)), rel_path: required(safePath) });

const run = object('kept', {
  run_id: required(text),
  attempt: optional(integer(), 1),
  status: required(text),
  started_at: optional(text),
  ended_at: optional(text),
  artifacts: optional(listOf(artifact), []),
});

const texts = optional(listOf(text), []);
const rows = (...columns: string[]): ReturnType<typeof optional> =>
  optional(listOf(object('refused', Object.fromEntries(columns.map((name) => [name, required(text)])))), []);

const question = object('refused', {
  question_id: required(text),
  question_text: required(text),
  question_type: required(text),
  options: optional(
    listOf(object('refused', { option_id: required(text), label: required(text), value: required(scalar) })),
    [],
  ),
  priority: optional(integer(), 0),
});

const unknown = object('refused', {
  field: required(text),
  description: required(text),
  impact: required(text),
  blocking: optional(truth),
  candidates: texts,
});

const draft = object('kept', {
  text: required(text),
  created_at: required(text),
  outcome_var: optional(text),
  treatment_var: optional(text),
  controls: texts,
  column_candidates: texts,
  column_candidates_v2: rows('dataset_key', 'role', 'name'),
  column_name_normalizations: rows('dataset_key', 'role', 'original_name', 'normalized_name'),
  variable_types: rows('name', 'inferred_type'),
  data_sources: rows('dataset_key', 'role', 'original_name', 'format'),
  default_overrides: optional(anObject, {}),
  stage1_questions: optional(listOf(question), []),
  open_unknowns: optional(listOf(unknown), []),
});

export const legacyJob = object('kept', {
  schema_version: required(integer()),
  version: optional(integer({ min: 1 }), 1),
  tenant_id: optional(text, 'default'),
  job_id: required(text),
  trace_id: optional(text),
  status: optional(oneOf(LEGACY_STATUSES), 'created'),
  requirement: optional(text),
  confirmation: optional(confirmation),
  created_at: required(text),
  scheduled_at: optional(text),
  inputs: optional(inputs),
  draft: optional(draft),
  llm_plan: optional(plan),
  selected_template_id: optional(text),
  output_formats: optional(listOf(text)),
  runs: optional(listOf(run), []),
  artifacts_index: optional(listOf(artifact), []),
  redeem_task_code: optional(text),
  auth_token: optional(text),
  auth_expires_at: optional(text),
});

function notBlank(...[value, findings]: Parameters<Rule>): ReturnType<Rule> {
  if (typeof value === 'string' && value.trim() !== '') return value;
  return findings.fault('must be a text that is not blank');
}

/** Beyond its fields: version 1, each id once, and nothing named that is not there. Cycles pass. */
function plan(...[value, findings]: Parameters<Rule>): ReturnType<Rule> {
  const faultsBefore = findings.faults.length;
  const read = planFields(value, findings);
  if (!isObject(read) || findings.faults.length > faultsBefore) return read;
  if (read['plan_version'] !== 1) findings.fault('must be 1', 'plan_version');
  const steps = read['steps'] as JsonObject[]; // planFields has seen that they are
  const ids = new Set<unknown>(steps.map((item) => item['step_id']));
  if (ids.size < steps.length) findings.fault('must not have two steps of one step_id', 'steps');
  steps.forEach((item, index) => {
    checkReferences(item, ids, index, findings);
  });
  return read;
}

function checkReferences(item: JsonObject, ids: Set<unknown>, step: number, findings: Findings): void {
  (item['depends_on'] as string[]).forEach((id, index) => {
    if (!ids.has(id)) findings.fault('must name a step of the plan', 'steps', step, 'depends_on', index);
  });
  const fallback = item['fallback_step_id'];
  if (fallback !== null && !ids.has(fallback)) {
    findings.fault('must name a step of the plan', 'steps', step, 'fallback_step_id');
  }
}
