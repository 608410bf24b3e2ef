import type { EventFilter } from '#events';
import { JOB_STATUSES, type JobStatus } from '#jobs';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { hasScope } from '#tenancy';
import { Transform, Type } from 'class-transformer';
import { ArrayMaxSize, IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import type { Asking } from '../http/asking.js';

const toList = ({ value }: { value: unknown }): unknown =>
  typeof value === 'string' ? value.split(',') : value;

export class JobEventsQuery {
  @ApiPropertyOptional({
    minimum: 0,
    description: 'Only events behind this number; `Last-Event-ID` goes before it.',
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  after?: number;

  @ApiPropertyOptional({
    isArray: true,
    type: String,
    description: 'One or more, by commas: `job.succeeded`, or all of a kind, `step.*`.',
  })
  @IsOptional()
  @Transform(toList)
  @ArrayMaxSize(50)
  @Matches(/^[a-z_]{1,40}\.([a-z_]{1,60}|\*)$/, {
    each: true,
    message: 'type must be like job.failed or step.*',
  })
  type?: string[];
}

export class EventsQuery extends JobEventsQuery {
  @ApiPropertyOptional({
    enum: JOB_STATUSES,
    isArray: true,
    description: 'Only moves of jobs into one of these, by commas.',
  })
  @IsOptional()
  @Transform(toList)
  @ArrayMaxSize(JOB_STATUSES.length)
  @IsIn(JOB_STATUSES, { each: true })
  status?: JobStatus[];

  @ApiPropertyOptional({
    isArray: true,
    type: String,
    description: '`name=value`; repeat it for jobs that have all of them.',
  })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? [value] : value))
  @ArrayMaxSize(32)
  @Matches(/^[^=]{1,63}=.{0,255}$/s, { each: true, message: 'label must be name=value' })
  label?: string[];
}

export function filterOf(query: EventsQuery, { caller }: Asking): EventFilter {
  const labels = query.label?.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return {
    types: query.type,
    statuses: query.status,
    withLogs: hasScope(caller, 'artifacts:read'),
    ...(labels ? { labels: Object.fromEntries(labels) } : {}),
  };
}
