import type { Draft, InputDataset, Job } from '#jobs';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { createHash } from 'node:crypto';
import {
  LegacyColumn,
  LegacyDataSource,
  primaryOf,
  toLegacyColumns,
  toLegacyDataSource,
} from './legacy-columns.js';

const MAX_CANDIDATES = 300;
const RETRY_AFTER_SECONDS = 3;
const RETRY_MS = 30_000;
const object = { type: 'object', additionalProperties: true } as const;
const objects = { type: 'array', items: object } as const;
const text = { type: String, nullable: true } as const;

export class LegacyPendingBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty({ enum: ['pending'] })
  status!: 'pending';

  @ApiProperty({ enum: ['pending_inputs_upload', 'pending_draft'] })
  message!: 'pending_inputs_upload' | 'pending_draft';

  @ApiProperty({ example: RETRY_AFTER_SECONDS })
  retry_after_seconds!: number;

  @ApiProperty({ format: 'date-time' })
  retry_until!: string;
}

export class LegacyColumnCandidate {
  @ApiProperty()
  dataset_key!: string;

  @ApiProperty()
  role!: string;

  @ApiProperty()
  name!: string;
}

export class LegacyWarning {
  @ApiProperty()
  type!: string;

  @ApiProperty()
  severity!: string;

  @ApiProperty()
  message!: string;

  @ApiPropertyOptional(text)
  suggestion?: string | null;
}

export class LegacyDraftBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty()
  draft_text!: string;

  @ApiProperty({ example: 'draft_f885b29b5cebb5f4' })
  draft_id!: string;

  @ApiProperty({ enum: ['require_confirm'], description: 'A person confirms, always.' })
  decision!: 'require_confirm';

  @ApiProperty({ description: 'Nothing is estimated any more: 0.' })
  risk_score!: number;

  @ApiProperty({ enum: ['ready'] })
  status!: 'ready';

  @ApiProperty(text)
  outcome_var!: string | null;

  @ApiProperty(text)
  treatment_var!: string | null;

  @ApiProperty({ type: [String] })
  controls!: string[];

  @ApiProperty({ type: [String] })
  column_candidates!: string[];

  @ApiProperty({ type: [LegacyColumnCandidate] })
  column_candidates_v2!: LegacyColumnCandidate[];

  @ApiProperty(objects)
  column_name_normalizations!: unknown[];

  @ApiProperty(objects)
  required_variables!: unknown[];

  @ApiProperty({ type: [LegacyWarning] })
  data_quality_warnings!: LegacyWarning[];

  @ApiProperty({
    ...objects,
    description: '`question_id`, `question_text`, `question_type`, `options`, `priority`.',
  })
  stage1_questions!: unknown[];

  @ApiProperty({ ...objects, description: '`field`, `description`, `impact`, `blocking`, `candidates`.' })
  open_unknowns!: unknown[];

  @ApiProperty({ type: [LegacyColumn] })
  variable_types!: LegacyColumn[];

  @ApiProperty({ type: [LegacyDataSource] })
  data_sources!: LegacyDataSource[];

  @ApiProperty(object)
  default_overrides!: Record<string, unknown>;
}

export function toPendingBody(jobId: string, message: LegacyPendingBody['message']): LegacyPendingBody {
  return {
    job_id: jobId,
    status: 'pending',
    message,
    retry_after_seconds: RETRY_AFTER_SECONDS,
    retry_until: new Date(Date.now() + RETRY_MS).toISOString(),
  };
}

export function toLegacyDraftBody(
  { job_id }: Job,
  draft: Draft,
  datasets: readonly InputDataset[],
): LegacyDraftBody {
  const { answers, questions } = draft;
  const primary = primaryOf(datasets);
  const columns = datasets.flatMap((dataset) =>
    toLegacyColumns(dataset).map(({ name }) => ({
      dataset_key: dataset.dataset_key,
      role: dataset.role,
      name,
    })),
  );
  const names = [...new Set(columns.map(({ name }) => name))];
  return {
    job_id,
    draft_text: draft.text,
    draft_id: draftId(draft),
    decision: 'require_confirm',
    risk_score: 0,
    status: 'ready',
    outcome_var: textOf(answers['outcome_var']),
    treatment_var: textOf(answers['treatment_var']),
    controls: Array.isArray(answers['controls']) ? answers['controls'].map(String) : [],
    column_candidates: names.slice(0, MAX_CANDIDATES),
    column_candidates_v2: columns,
    column_name_normalizations: [],
    required_variables: [],
    data_quality_warnings: draft.warnings.map(({ type, severity, message }) => ({ type, severity, message })),
    stage1_questions: questions.map(({ question_id, text: asked, options }, priority) => ({
      ...{ question_id, question_text: asked, question_type: 'single_choice', options, priority },
    })),
    open_unknowns: questions
      .filter(({ question_id }) => !Object.hasOwn(answers, question_id))
      .map(({ question_id, text: asked, options }) => ({
        ...{ field: question_id, description: asked, blocking: false },
        impact: 'Until it is answered, the draft rests on an assumption.',
        candidates: options.map(({ label }) => label),
      })),
    variable_types: primary ? toLegacyColumns(primary) : [],
    data_sources: datasets.map(toLegacyDataSource),
    default_overrides: objectOf(answers['default_overrides']),
  };
}

/** In the form that it had; the same draft has the same id. */
function draftId({ tenant_id, job_id, revision }: Draft): string {
  const name = JSON.stringify([tenant_id, job_id, revision]);
  return `draft_${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
