import { ApiProperty } from '@nestjs/swagger';
import { FailureBody } from '../jobs/job.body.js';

const STATUSES = ['running', 'succeeded', 'failed', 'interrupted', 'lost', 'cancelled', 'timed_out'] as const;
const instant = { type: String, format: 'date-time', nullable: true } as const;

export class StepBody {
  @ApiProperty()
  step_id!: string;

  @ApiProperty({ description: 'In the order of their dependencies, from 1.' })
  position!: number;

  @ApiProperty({ enum: ['sql', 'chart', 'command', 'noop'] })
  type!: string;

  @ApiProperty({ enum: STATUSES })
  status!: string;

  @ApiProperty({ type: String, nullable: true })
  outcome!: string | null;

  @ApiProperty({ format: 'date-time' })
  started_at!: string;

  @ApiProperty(instant)
  ended_at!: string | null;

  @ApiProperty({ type: FailureBody, nullable: true })
  error!: FailureBody | null;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'Row count, first rows, …',
  })
  summary!: object | null;

  @ApiProperty({
    type: String,
    format: 'uuid',
    nullable: true,
    description: 'The run that did the step, when this one took its results over.',
  })
  resumed_from!: string | null;
}

export class RunBody {
  @ApiProperty({ format: 'uuid' })
  run_id!: string;

  @ApiProperty({ description: 'For people: which try this was. Interrupted and lost runs do not count.' })
  attempt!: number;

  @ApiProperty({ description: 'The fence: rises with every claim of the job.' })
  lease_no!: number;

  @ApiProperty({ format: 'uuid' })
  worker_id!: string;

  @ApiProperty()
  worker_build!: string;

  @ApiProperty({ enum: STATUSES })
  status!: string;

  @ApiProperty({ type: String, nullable: true, enum: STATUSES.slice(1) })
  outcome!: string | null;

  @ApiProperty({ format: 'date-time' })
  started_at!: string;

  @ApiProperty(instant)
  ended_at!: string | null;

  @ApiProperty({ type: FailureBody, nullable: true })
  error!: FailureBody | null;

  @ApiProperty({ type: [StepBody] })
  steps!: StepBody[];
}

export class RunPage {
  @ApiProperty({ type: [RunBody] })
  items!: RunBody[];

  @ApiProperty({ type: String, nullable: true })
  next_cursor!: string | null;
}

export class PlanBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty()
  plan_id!: string;

  @ApiProperty()
  plan_version!: number;

  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  steps!: unknown[];

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'How failed runs are tried again.',
  })
  retry!: object | null;

  @ApiProperty({ type: Number, nullable: true, description: 'Bound on one run of the plan.' })
  timeout_seconds!: number | null;

  @ApiProperty({ type: String, nullable: true })
  inputs_fingerprint!: string | null;

  @ApiProperty()
  draft_revision!: number;

  @ApiProperty({ type: String, nullable: true })
  notes!: string | null;

  @ApiProperty({ format: 'date-time' })
  frozen_at!: string;
}
