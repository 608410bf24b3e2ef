import type { Draft, Job } from '#jobs';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsArray, IsObject, IsOptional, IsString, MaxLength } from 'class-validator';

const MAX_TEXT = 100_000;
const object = { type: 'object', additionalProperties: true } as const;
const objects = { type: 'array', items: object } as const;

/** The draft of a job, or that there is none yet. */
export class DraftBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty({ description: 'The job’s version: send it as If-Match.' })
  version!: number;

  @ApiProperty({ enum: ['pending', 'ready', 'failed'] })
  status!: 'pending' | 'ready' | 'failed';

  @ApiPropertyOptional()
  revision?: number;

  @ApiPropertyOptional({
    enum: ['rules', 'model', 'rule_fallback', 'client'],
    description: 'Who wrote it; `rule_fallback`: the rules, because the language model could not be used.',
  })
  source?: string;

  @ApiPropertyOptional({ description: 'The draft for people to read.' })
  text?: string;

  @ApiPropertyOptional(objects)
  steps?: unknown[];

  @ApiPropertyOptional(objects)
  assumptions?: unknown[];

  @ApiPropertyOptional(objects)
  questions?: unknown[];

  @ApiPropertyOptional(objects)
  warnings?: unknown[];

  @ApiPropertyOptional(object)
  answers?: Record<string, unknown>;

  @ApiPropertyOptional({ type: String, nullable: true })
  notes?: string | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'The inputs that the draft was made for.',
  })
  inputs_fingerprint?: string | null;

  @ApiPropertyOptional({ format: 'date-time' })
  created_at?: string;

  @ApiPropertyOptional({ format: 'date-time' })
  updated_at?: string;

  @ApiPropertyOptional({ ...object, description: 'Why the drafting failed.' })
  error?: unknown;

  @ApiPropertyOptional({
    format: 'date-time',
    description: 'While pending: the language model asked to be left alone until then.',
  })
  not_before?: string;
}

/** One of the drafts that a job ever had. */
export class DraftRevisionBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty()
  revision!: number;

  @ApiProperty({ description: 'The one that would be confirmed.' })
  is_latest!: boolean;

  @ApiProperty({ enum: ['rules', 'model', 'rule_fallback', 'client'] })
  source!: string;

  @ApiProperty()
  text!: string;

  @ApiProperty(objects)
  steps!: unknown[];

  @ApiProperty(objects)
  assumptions!: unknown[];

  @ApiProperty(objects)
  questions!: unknown[];

  @ApiProperty(objects)
  warnings!: unknown[];

  @ApiProperty(object)
  answers!: Record<string, unknown>;

  @ApiProperty({ type: String, nullable: true })
  notes!: string | null;

  @ApiProperty({ type: String, nullable: true })
  inputs_fingerprint!: string | null;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ format: 'date-time' })
  updated_at!: string;
}

export class DraftRevisionPage {
  @ApiProperty({ type: [DraftRevisionBody] })
  items!: DraftRevisionBody[];

  @ApiProperty({ type: String, nullable: true })
  next_cursor!: string | null;
}

export function toRevisionBody(job: Job, draft: Draft): DraftRevisionBody {
  const { tenant_id: _tenantId, ...shown } = draft;
  return { ...shown, is_latest: draft.revision === job.draft_revision };
}

export class RequestDraftRequest {}

/** What the edit does not name stays as it is. */
export class EditDraftRequest {
  @ApiPropertyOptional({ maxLength: MAX_TEXT })
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  text?: string;

  @ApiPropertyOptional({ ...objects, description: 'All the steps of the plan; checked like a plan.' })
  @IsOptional()
  @IsArray()
  steps?: unknown[];

  @ApiPropertyOptional({
    ...object,
    description: 'Answers to questions by question_id; merged with those given before.',
  })
  @IsOptional()
  @IsObject()
  answers?: Record<string, unknown>;

  @ApiPropertyOptional({ maxLength: 5_000 })
  @IsOptional()
  @IsString()
  @MaxLength(5_000)
  notes?: string;
}

export function toDraftBody(job: Job, draft: Draft | null): DraftBody {
  const status = job.draft_task?.state ?? 'ready';
  const head = { job_id: job.job_id, version: job.version };
  if (status === 'failed') return { ...head, status, error: job.draft_task?.error };
  const notBefore = job.draft_task?.not_before;
  if (status === 'pending' || !draft)
    return { ...head, status: 'pending', ...(notBefore === undefined ? {} : { not_before: notBefore }) };
  const { tenant_id: _tenantId, ...shown } = draft;
  return { ...head, status, ...shown };
}
