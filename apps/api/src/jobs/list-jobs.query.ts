import { JOB_STATUSES, type JobFilter, type JobStatus } from '#jobs';
import { ApiPropertyOptional, IntersectionType } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  IsBooleanString,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { IsInstant } from '../http/is-instant.js';
import { JOB_FIELDS, type JobField } from './job.body.js';

const MAX_CURSOR = 2_000;
const MAX_TEXT = 200;

export const JOB_SORT_NAMES = [
  '-created_at',
  'created_at',
  '-updated_at',
  'updated_at',
  '-priority',
  'priority',
] as const;
export type JobSortName = (typeof JOB_SORT_NAMES)[number];

function toList(value: unknown): unknown {
  return typeof value === 'string' ? value.split(',') : value;
}

/** Which jobs: those that fit everything that is said. */
export class JobFilterQuery {
  @ApiPropertyOptional({ enum: JOB_STATUSES, isArray: true, description: 'One or more, by commas.' })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => toList(value))
  @IsIn(JOB_STATUSES, { each: true })
  status?: JobStatus[];

  @ApiPropertyOptional({
    isArray: true,
    type: String,
    description: '`name=value`; repeat it for jobs that have all of them.',
  })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? [value] : value))
  @Matches(/^[^=]{1,63}=.{0,255}$/s, { each: true, message: 'label must be name=value' })
  label?: string[];

  @ApiPropertyOptional({
    maxLength: MAX_TEXT,
    description:
      'Whole words, in any order, that all stand in the first 4,000 characters of the requirement.',
  })
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  text?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Created from this instant on.' })
  @IsOptional()
  @IsInstant()
  created_since?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Created before this instant.' })
  @IsOptional()
  @IsInstant()
  created_until?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Last changed from this instant on.' })
  @IsOptional()
  @IsInstant()
  updated_since?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Last changed before this instant.' })
  @IsOptional()
  @IsInstant()
  updated_until?: string;
}

class JobPageQuery {
  @ApiPropertyOptional({
    enum: JOB_SORT_NAMES,
    default: '-created_at',
    description: 'The order; with a minus the greatest first.',
  })
  @IsOptional()
  @IsIn(JOB_SORT_NAMES)
  sort?: JobSortName;

  @ApiPropertyOptional({
    enum: JOB_FIELDS,
    isArray: true,
    description: 'Only these fields of each job, by commas; `job_id` is always there.',
  })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => toList(value))
  @IsIn(JOB_FIELDS, { each: true })
  fields?: JobField[];

  @ApiPropertyOptional({
    type: Boolean,
    default: false,
    description: 'Count the jobs of the whole list too; up to 10,000.',
  })
  @IsOptional()
  @IsBooleanString()
  total?: string;

  @ApiPropertyOptional({ minimum: 1, maximum: 200, default: 50 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit?: number;

  @ApiPropertyOptional({ description: '`next_cursor` of the page before.' })
  @IsOptional()
  @IsString()
  @MaxLength(MAX_CURSOR)
  cursor?: string;
}

export class ListJobsQuery extends IntersectionType(JobFilterQuery, JobPageQuery) {}

export function toJobFilter(query: JobFilterQuery): JobFilter {
  return {
    statuses: query.status,
    labels: query.label ? labelsOf(query.label) : undefined,
    text: query.text,
    createdSince: query.created_since,
    createdUntil: query.created_until,
    updatedSince: query.updated_since,
    updatedUntil: query.updated_until,
  };
}

function labelsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
}
