import {
  type Task,
  TASK_MOVES,
  TASK_STATUSES,
  type TaskError,
  type TaskFailure,
  type TaskMove,
  type TaskStatus,
} from '#jobs';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsObject, IsOptional, ValidateNested } from 'class-validator';
import { TotalBody } from '../jobs/job.body.js';
import { ReasonRequest } from '../jobs/job.request.js';
import { JobFilterQuery } from '../jobs/list-jobs.query.js';

const instant = { type: String, format: 'date-time', nullable: true } as const;

export class BeginTaskRequest extends ReasonRequest {
  @ApiProperty({
    type: JobFilterQuery,
    description:
      'Which jobs, as in `GET /v1/jobs`; at least one condition. Jobs that are made later are not touched.',
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => JobFilterQuery)
  filter?: JobFilterQuery;

  @ApiPropertyOptional({ default: false, description: 'Only tell which jobs it would be now.' })
  @IsOptional()
  @IsBoolean()
  dry_run?: boolean;
}

export class TaskFailureBody implements TaskFailure {
  @ApiProperty()
  job_id!: string;

  @ApiProperty({ example: 'JOB_ILLEGAL_TRANSITION' })
  code!: string;
}

/** Why a task failed. */
export class TaskErrorBody implements TaskError {
  @ApiProperty({ example: 'TASK_BATCH_FAILED' })
  code!: string;

  @ApiProperty()
  message!: string;
}

/** A move of many jobs in the background. */
export class TaskBody {
  @ApiProperty({ format: 'uuid' })
  task_id!: string;

  @ApiProperty({ enum: TASK_MOVES })
  move!: TaskMove;

  @ApiProperty({ enum: TASK_STATUSES })
  status!: TaskStatus;

  @ApiProperty()
  reason!: string;

  @ApiProperty({ description: 'So many jobs were moved.' })
  moved_jobs!: number;

  @ApiProperty({ description: 'So many were not: somebody else was faster.' })
  refused_jobs!: number;

  @ApiProperty({ type: [TaskFailureBody], description: 'The first 100 that were not.' })
  failures!: TaskFailure[];

  @ApiProperty({ type: TaskErrorBody, nullable: true, description: 'Of a task that failed.' })
  error!: TaskErrorBody | null;

  @ApiProperty({ format: 'date-time', description: 'Jobs that were made later are not touched.' })
  created_at!: string;

  @ApiProperty(instant)
  started_at!: string | null;

  @ApiProperty(instant)
  ended_at!: string | null;
}

/** What a task would do. */
export class TaskPreviewBody {
  @ApiProperty({ enum: [true] })
  dry_run!: true;

  @ApiProperty({ enum: TASK_MOVES })
  move!: TaskMove;

  @ApiProperty({ type: TotalBody })
  jobs!: TotalBody;

  @ApiProperty({ type: [String], description: 'The first 20 of them, by job_id.' })
  examples!: string[];
}

export function toTaskBody(task: Task): TaskBody {
  return {
    task_id: task.task_id,
    move: task.move,
    status: task.status,
    reason: task.reason,
    moved_jobs: task.moved_jobs,
    refused_jobs: task.refused_jobs,
    failures: task.failures,
    error: task.error,
    created_at: task.created_at,
    started_at: task.started_at,
    ended_at: task.ended_at,
  };
}
