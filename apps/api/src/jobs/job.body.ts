import { type Failure, type Job, JOB_STATUSES, type JobStatus } from '#jobs';
import { ApiProperty } from '@nestjs/swagger';

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

export class JobPage {
  @ApiProperty({ type: [JobBody] })
  items!: JobBody[];

  @ApiProperty({ type: String, nullable: true })
  next_cursor!: string | null;
}

/** Leaves out what only workers need (lease, run) and tells the drafting in plain words. */
export function toJobBody(job: Job): JobBody {
  const {
    lease_no: _leaseNo,
    run_id: _runId,
    lost_runs: _lost,
    needs: _needs,
    draft_task: task,
    ...shown
  } = job;
  return {
    ...shown,
    draft_status: task?.state ?? (job.draft_revision > 0 ? 'ready' : 'none'),
    draft_error: task?.error ?? null,
  };
}
