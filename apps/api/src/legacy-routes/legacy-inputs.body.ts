import type { InputDataset, Job } from '#jobs';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import {
  LegacyColumn,
  LegacyDataSource,
  primaryOf,
  toLegacyColumns,
  toLegacyDataSource,
} from './legacy-columns.js';

const DEFAULT_ROWS = 20;
const DEFAULT_COLUMNS = 50;

export class LegacyPreviewQuery {
  @ApiPropertyOptional({ minimum: 1, maximum: 200, default: DEFAULT_ROWS })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  rows?: number;

  @ApiPropertyOptional({ minimum: 1, maximum: 200, default: DEFAULT_COLUMNS })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  columns?: number;
}

/** Only for the OpenAPI document. */
export class LegacyUploadBody {
  @ApiProperty({ type: 'array', items: { type: 'string', format: 'binary' } })
  file!: unknown[];

  @ApiPropertyOptional({
    type: [String],
    description: 'One a file, in their order; without any, the first file is the primary dataset.',
  })
  role?: string[];

  @ApiPropertyOptional({ type: [String], description: 'Other names for the files, in their order.' })
  filename?: string[];
}

export class LegacyUploadedBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty({ description: 'There is no such file any more; kept for the shape.' })
  manifest_rel_path!: string;

  @ApiProperty({ type: String, nullable: true })
  fingerprint!: string | null;
}

const sheets = {
  type: 'array',
  items: { type: 'string' },
  description: 'Of workbooks the first sheet is read: empty.',
} as const;
const sheet = { type: String, nullable: true } as const;
const flag = { type: Boolean, nullable: true } as const;

export class LegacyPreviewDataset extends LegacyDataSource {
  @ApiProperty(sheets)
  sheet_names!: string[];

  @ApiProperty(sheet)
  selected_sheet!: string | null;

  @ApiProperty(flag)
  header_row!: boolean | null;
}

export class LegacyPreviewBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty({ type: Number, nullable: true })
  row_count!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  column_count!: number | null;

  @ApiProperty(sheets)
  sheet_names!: string[];

  @ApiProperty(sheet)
  selected_sheet!: string | null;

  @ApiProperty(flag)
  header_row!: boolean | null;

  @ApiProperty({ type: [LegacyColumn] })
  columns!: LegacyColumn[];

  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  sample_rows!: Record<string, unknown>[];

  @ApiProperty({ type: [LegacyPreviewDataset] })
  datasets!: LegacyPreviewDataset[];
}

export function toUploadedBody({ job_id, inputs_fingerprint }: Job): LegacyUploadedBody {
  return { job_id, manifest_rel_path: 'inputs/manifest.json', fingerprint: inputs_fingerprint };
}

export function toLegacyPreviewBody(
  jobId: string,
  datasets: readonly InputDataset[],
  { rows = DEFAULT_ROWS, columns = DEFAULT_COLUMNS }: LegacyPreviewQuery,
): LegacyPreviewBody {
  const noSheet = { sheet_names: [], selected_sheet: null, header_row: null };
  const primary = primaryOf(datasets);
  const shown = primary ? toLegacyColumns(primary).slice(0, columns) : [];
  const cells = (row: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Object.fromEntries(shown.map(({ name }) => [name, row[name] ?? null]));
  return {
    job_id: jobId,
    row_count: primary?.profile.rowCount ?? null,
    column_count: primary?.profile.columns.length ?? null,
    ...noSheet,
    columns: shown,
    sample_rows: primary?.profile.sampleRows.slice(0, rows).map(cells) ?? [],
    datasets: datasets.map((dataset) => ({ ...toLegacyDataSource(dataset), ...noSheet })),
  };
}
