import { BATCH_MODES, type BatchMode, JOB_STATUSES, type JobStatus } from '#jobs';
import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsObject, IsOptional } from 'class-validator';
import { ProblemBody } from '../http/problem.js';
import { CreateJobRequest } from './job.request.js';

const MAX_ITEMS = 1_000;

@ApiExtraModels(CreateJobRequest)
export class CreateBatchRequest {
  @ApiPropertyOptional({
    enum: BATCH_MODES,
    default: 'all',
    description: 'all: one item that is refused, and no job is made. each: every item for itself.',
  })
  @IsOptional()
  @IsIn(BATCH_MODES)
  mode?: BatchMode;

  // Each is looked at by itself: in the mode `each` the faults of one are its own.
  @ApiProperty({
    type: 'array',
    items: { $ref: getSchemaPath(CreateJobRequest) },
    minItems: 1,
    maxItems: MAX_ITEMS,
  })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_ITEMS)
  @IsObject({ each: true })
  items!: object[];
}

/** What became of one item: a job, or a problem. */
export class BatchItemBody {
  @ApiProperty({ description: 'The place of the item in the batch, from 0.' })
  index!: number;

  @ApiProperty({
    description: 'What a single request would have been answered: 201, or the status of the problem.',
  })
  status!: number;

  @ApiPropertyOptional()
  job_id?: string;

  @ApiPropertyOptional()
  version?: number;

  @ApiPropertyOptional({ enum: JOB_STATUSES })
  job_status?: JobStatus;

  @ApiPropertyOptional({ type: ProblemBody })
  problem?: ProblemBody;
}

export class BatchBody {
  @ApiProperty({ description: 'So many jobs were made.' })
  created!: number;

  @ApiProperty({ description: 'So many items were refused.' })
  refused!: number;

  @ApiProperty({ type: [BatchItemBody], description: 'One an item, in their order.' })
  items!: BatchItemBody[];
}
