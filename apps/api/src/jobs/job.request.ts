import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsInt, IsObject, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { IsInstant } from '../http/is-instant.js';
import { IsLabels } from './labels.js';

const MAX_REQUIREMENT = 20_000;

export class CreateJobRequest {
  @ApiPropertyOptional({ description: 'Chosen by the client, unique in its tenant; made up when absent.' })
  @IsOptional()
  @IsString()
  job_id?: string;

  @ApiPropertyOptional({ description: 'The question, in plain words.', maxLength: MAX_REQUIREMENT })
  @IsOptional()
  @IsString()
  @MaxLength(MAX_REQUIREMENT)
  requirement?: string;

  @ApiPropertyOptional({ description: 'Higher runs first.', default: 0 })
  @IsOptional()
  @IsInt()
  @Min(-1_000_000)
  @Max(1_000_000)
  priority?: number;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'At most 32 names of 1 to 63 characters with texts of up to 255, for finding jobs again.',
  })
  @IsOptional()
  @IsLabels()
  labels?: Record<string, string>;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'A plan of your own, `{plan_version: 2, steps: […]}`. Nothing is drafted then.',
  })
  @IsOptional()
  @IsObject()
  plan?: Record<string, unknown>;

  @ApiPropertyOptional({ description: 'Confirm the plan at once; needs `plan` and the scope jobs:confirm.' })
  @IsOptional()
  @IsBoolean()
  confirm?: boolean;

  @ApiPropertyOptional({ description: 'Confirmed, but not queued until POST …/run.' })
  @IsOptional()
  @IsBoolean()
  hold?: boolean;

  @ApiPropertyOptional({
    format: 'date-time',
    description: 'Not before this instant (with an offset, or Z).',
  })
  @IsOptional()
  @IsInstant()
  run_after?: string;

  @ApiPropertyOptional({
    format: 'date-time',
    description: 'A job that still waits in the queue at this instant is failed with JOB_EXPIRED.',
  })
  @IsOptional()
  @IsInstant()
  expires_at?: string;
}

export class ConfirmRequest {
  @ApiPropertyOptional({
    description: 'The revision of the draft that was read: refused with 409 when there is a later one.',
    minimum: 1,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  draft_revision?: number;

  @ApiPropertyOptional({ maxLength: 5_000 })
  @IsOptional()
  @IsString()
  @MaxLength(5_000)
  notes?: string;

  @ApiPropertyOptional({ description: 'Freeze the plan, but do not queue it.' })
  @IsOptional()
  @IsBoolean()
  hold?: boolean;
}

export class RunRequest {}

/** What is done for a reason only. */
export class ReasonRequest {
  @ApiPropertyOptional({
    description: 'Why; needed here, or in X-SS-Reason. Kept in the audit.',
    maxLength: 1_000,
  })
  @IsOptional()
  @IsString()
  @MaxLength(1_000)
  reason?: string;
}
