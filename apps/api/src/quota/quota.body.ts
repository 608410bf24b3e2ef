import type { QuotaReport } from '#jobs';
import { DEFAULT_QUOTA, type TenantQuotaChange } from '#tenancy';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

const MAX_INTEGER = 2_147_483_647;

const LIMITS = {
  queued_jobs: 'Jobs in the queue.',
  running_jobs: 'Jobs that run at a time, on all workers together.',
  requests_per_second: 'Requests, in each process of the API.',
  upload_bytes: 'Bytes of one uploaded file.',
  storage_bytes: 'Bytes of all inputs and artifacts.',
  retention_days: 'Days that a job is kept after it has ended.',
} as const;

const limit = (name: keyof typeof LIMITS) => ({
  type: Number,
  nullable: true,
  description: `${LIMITS[name]} Null: no limit.`,
});

export class LimitsBody {
  @ApiProperty(limit('queued_jobs'))
  queued_jobs!: number | null;

  @ApiProperty(limit('running_jobs'))
  running_jobs!: number | null;

  @ApiProperty(limit('requests_per_second'))
  requests_per_second!: number | null;

  @ApiProperty(limit('upload_bytes'))
  upload_bytes!: number | null;

  @ApiProperty(limit('storage_bytes'))
  storage_bytes!: number | null;

  @ApiProperty(limit('retention_days'))
  retention_days!: number | null;
}

export class CurrentUseBody {
  @ApiProperty()
  queued_jobs!: number;

  @ApiProperty()
  running_jobs!: number;

  @ApiProperty()
  storage_bytes!: number;
}

/** What a tenant may use of the deployment, and what it uses now. */
export class QuotaBody {
  @ApiProperty()
  tenant_id!: string;

  @ApiProperty({ description: 'Its share of the workers while others wait too, beside 100 of most tenants.' })
  weight!: number;

  @ApiProperty({ type: LimitsBody })
  limits!: LimitsBody;

  @ApiProperty({ type: CurrentUseBody })
  current!: CurrentUseBody;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Null: nobody has set it.' })
  updated_at!: string | null;
}

/** The whole quota: a limit that is not named is none, and the weight is 100. */
export class PutQuotaRequest {
  @ApiPropertyOptional({
    ...{ type: Number, nullable: true },
    ...{ minimum: 1, maximum: 10_000, default: DEFAULT_QUOTA.weight },
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(10_000)
  weight?: number | null;

  @ApiPropertyOptional({ ...limit('queued_jobs'), minimum: 0 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  queued_jobs?: number | null;

  @ApiPropertyOptional({ ...limit('running_jobs'), minimum: 0 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_INTEGER)
  running_jobs?: number | null;

  @ApiPropertyOptional({ ...limit('requests_per_second'), minimum: 1 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_INTEGER)
  requests_per_second?: number | null;

  @ApiPropertyOptional({ ...limit('upload_bytes'), minimum: 0 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  upload_bytes?: number | null;

  @ApiPropertyOptional({ ...limit('storage_bytes'), minimum: 0 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  storage_bytes?: number | null;

  @ApiPropertyOptional({ ...limit('retention_days'), minimum: 1 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_INTEGER)
  retention_days?: number | null;
}

export function toQuotaBody(tenantId: string, { quota, current }: QuotaReport): QuotaBody {
  const { weight, updated_at, ...limits } = quota;
  return { tenant_id: tenantId, weight, limits, current, updated_at };
}

export function toWholeQuota(body: PutQuotaRequest): Required<TenantQuotaChange> {
  return {
    weight: body.weight ?? DEFAULT_QUOTA.weight,
    queued_jobs: body.queued_jobs ?? null,
    running_jobs: body.running_jobs ?? null,
    requests_per_second: body.requests_per_second ?? null,
    upload_bytes: body.upload_bytes ?? null,
    storage_bytes: body.storage_bytes ?? null,
    retention_days: body.retention_days ?? null,
  };
}
