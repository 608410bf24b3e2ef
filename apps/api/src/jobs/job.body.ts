import { type Failure, type Job, JOB_STATUSES, type JobStatus, type Total } from '#jobs';
import {
  ApiExtraModels,
  ApiProperty,
  ApiPropertyOptional,
  getSchemaPath,
  IntersectionType,
  OmitType,
  PartialType,
  PickType,
} from '@nestjs/swagger';

const instant = { type: String, format: 'date-time', nullable: true } as const;

export class FailureBody implements Failure {
  @ApiProperty({ example: 'SQL_FAILED' })
  code!: string;

  @ApiProperty()
  message!: string;

  @ApiProperty({ required: false })
  step_id?: string;
}

/** A job as clients see it. */
export class JobBody {
  @ApiProperty()
  tenant_id!: string;

  @ApiProperty()
  job_id!: string;

  @ApiProperty({ description: 'Rises by one with every change; also the ETag.' })
  version!: number;

  @ApiProperty({ enum: JOB_STATUSES })
  status!: JobStatus;

  @ApiProperty({ type: String, nullable: true })
  requirement!: string | null;

  @ApiProperty()
  priority!: number;

  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  labels!: Record<string, string>;

  @ApiProperty({ type: String, nullable: true, description: 'SHA-256 over the hashes of all datasets.' })
  inputs_fingerprint!: string | null;

  @ApiProperty({ description: 'How many drafts there have been; 0: none yet.' })
  draft_revision!: number;

  @ApiProperty({
    enum: ['none', 'pending', 'ready', 'failed'],
    description: 'Whether a draft is being made, is there, or could not be made.',
  })
  draft_status!: 'none' | 'pending' | 'ready' | 'failed';

  @ApiProperty({ type: FailureBody, nullable: true })
  draft_error!: Failure | null;

  @ApiProperty({ type: String, nullable: true, description: 'SHA-256 of the frozen plan and its inputs.' })
  plan_id!: string | null;

  @ApiProperty({ description: 'Runs that failed and count. Interruptions do not.' })
  attempts!: number;

  @ApiProperty({ type: FailureBody, nullable: true })
  error!: Failure | null;

  @ApiProperty({ description: 'W3C trace id, the same in logs, queue and audit.' })
  trace_id!: string;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ format: 'date-time' })
  updated_at!: string;

  @ApiProperty(instant)
  confirmed_at!: string | null;

  @ApiProperty(instant)
  queued_at!: string | null;

  @ApiProperty({ ...instant, description: 'Not before this instant.' })
  scheduled_at!: string | null;

  @ApiProperty({ ...instant, description: 'A job that still waits in the queue then is failed.' })
  expires_at!: string | null;

  @ApiProperty(instant)
  started_at!: string | null;

  @ApiProperty(instant)
  finished_at!: string | null;

  @ApiProperty({ ...instant, description: 'Since then its data are gone: texts, drafts, plan, files.' })
  erased_at!: string | null;
}

/** Every field of a job, by name. */
export const JOB_FIELDS = [
  'tenant_id',
  'job_id',
  'version',
  'status',
  'requirement',
  'priority',
  'labels',
  'inputs_fingerprint',
  'draft_revision',
  'draft_status',
  'draft_error',
  'plan_id',
  'attempts',
  'error',
  'trace_id',
  'created_at',
  'updated_at',
  'confirmed_at',
  'queued_at',
  'scheduled_at',
  'expires_at',
  'started_at',
  'finished_at',
  'erased_at',
] as const satisfies readonly (keyof JobBody)[];
export type JobField = (typeof JOB_FIELDS)[number];

/** A job with the fields that were asked for, and no others. */
export class SparseJobBody extends IntersectionType(
  PickType(JobBody, ['job_id']),
  PartialType(OmitType(JobBody, ['job_id'])),
) {}

export class TotalBody implements Total {
  @ApiProperty({ maximum: 10_000 })
  value!: number;

  @ApiProperty({ enum: ['exact', 'at_least'], description: 'at_least: there may be more.' })
  relation!: Total['relation'];
}

@ApiExtraModels(SparseJobBody)
export class JobPage {
  @ApiProperty({
    type: 'array',
    items: { anyOf: [{ $ref: getSchemaPath(JobBody) }, { $ref: getSchemaPath(SparseJobBody) }] },
    description: 'All of each job, or the `fields` that were asked for.',
  })
  items!: (JobBody | SparseJobBody)[];

  @ApiProperty({
    type: String,
    nullable: true,
    description:
      'Null: the list ends here. A page may have fewer jobs than its limit, or none, and not be the last.',
  })
  next_cursor!: string | null;

  @ApiPropertyOptional({ type: TotalBody, description: 'Where `total=true` asked for it.' })
  total?: TotalBody;
}

export function toSparseJob(job: JobBody, fields: readonly JobField[]): SparseJobBody {
  const picked = Object.fromEntries(fields.map((field) => [field, job[field]]));
  return { ...picked, job_id: job.job_id };
}

/** Field by field: the row also has what only workers, retention and migration need. Tells the drafting in plain words. */
export function toJobBody(job: Job): JobBody {
  const { draft_task: task } = job;
  return {
    tenant_id: job.tenant_id,
    job_id: job.job_id,
    version: job.version,
    status: job.status,
    requirement: job.requirement,
    priority: job.priority,
    labels: job.labels,
    inputs_fingerprint: job.inputs_fingerprint,
    draft_revision: job.draft_revision,
    draft_status: task?.state ?? (job.draft_revision > 0 ? 'ready' : 'none'),
    draft_error: task?.error ?? null,
    plan_id: job.plan_id,
    attempts: job.attempts,
    error: job.error,
    trace_id: job.trace_id,
    created_at: job.created_at,
    updated_at: job.updated_at,
    confirmed_at: job.confirmed_at,
    queued_at: job.queued_at,
    scheduled_at: job.scheduled_at,
    expires_at: job.expires_at,
    started_at: job.started_at,
    finished_at: job.finished_at,
    erased_at: job.erased_at,
  };
}
