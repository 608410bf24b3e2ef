import { type AuditEvent, type AuditFilter, EXPORT_FORMATS, type ExportFormat } from '#audit';
import { ApiProperty, ApiPropertyOptional, IntersectionType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { IsInstant } from '../http/is-instant.js';

const text = { type: String, nullable: true } as const;
const ACTOR_KINDS = ['api_key', 'oidc_subject', 'worker', 'operator', 'database_user', 'migration', 'anonymous'];
const OUTCOMES = ['denied', 'done'] as const;
const MAX_TEXT = 500;

const object = { type: 'object', additionalProperties: true, nullable: true } as const;

/** Who did what, when and why. */
export class AuditEventBody implements AuditEvent {
  @ApiProperty()
  event_id!: number;

  @ApiProperty({ format: 'date-time', description: 'By the database’s clock.' })
  occurred_at!: string;

  @ApiProperty({ enum: ACTOR_KINDS })
  actor_kind!: string;

  @ApiProperty()
  actor_id!: string;

  @ApiProperty({ example: 'job.confirmed' })
  action!: string;

  @ApiProperty()
  resource_type!: string;

  @ApiProperty()
  resource_id!: string;

  @ApiProperty(text)
  from_status!: string | null;

  @ApiProperty(text)
  to_status!: string | null;

  @ApiProperty({ type: Number, nullable: true })
  version!: number | null;

  @ApiProperty(text)
  run_id!: string | null;

  @ApiProperty({ type: Number, nullable: true })
  lease_no!: number | null;

  @ApiProperty(text)
  reason!: string | null;

  @ApiProperty(text)
  request_id!: string | null;

  @ApiProperty(text)
  trace_id!: string | null;

  @ApiProperty({ example: 'api' })
  source!: string;

  @ApiProperty(object)
  changes!: Record<string, unknown> | null;

  @ApiProperty(object)
  metadata!: Record<string, unknown> | null;
}

export class AuditPage {
  @ApiProperty({ type: [AuditEventBody] })
  items!: AuditEventBody[];

  @ApiProperty({ type: String, nullable: true })
  next_cursor!: string | null;
}

export class AuditQuery {
  @ApiPropertyOptional({ minimum: 1, maximum: 1000, default: 200 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  limit?: number;

  @ApiPropertyOptional({ description: '`next_cursor` of the page before.' })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  cursor?: string;
}

/** Which events: those that fit everything that is said. */
export class AuditFilterQuery implements AuditFilter {
  @ApiPropertyOptional({ enum: ACTOR_KINDS })
  @IsOptional()
  @IsIn(ACTOR_KINDS)
  actor_kind?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  actor_id?: string;

  @ApiPropertyOptional({ example: 'job.confirmed' })
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  action?: string;

  @ApiPropertyOptional({ example: 'job' })
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  resource_type?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  resource_id?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  request_id?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  trace_id?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'From this instant on.' })
  @IsOptional()
  @IsInstant()
  since?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Before this instant.' })
  @IsOptional()
  @IsInstant()
  until?: string;

  @ApiPropertyOptional({ enum: OUTCOMES, description: 'What was refused, or what was done.' })
  @IsOptional()
  @IsIn(OUTCOMES)
  outcome?: (typeof OUTCOMES)[number];
}

export class AuditSearchQuery extends IntersectionType(AuditFilterQuery, AuditQuery) {}

const FORMATS = Object.keys(EXPORT_FORMATS);

export class AuditExportQuery extends AuditFilterQuery {
  @ApiPropertyOptional({ enum: FORMATS, default: 'ndjson', description: 'Every format is a line of JSON an event.' })
  @IsOptional()
  @IsIn(FORMATS)
  format?: ExportFormat;
}
