import { DATASET_ROLES, type InputDataset, type Job } from '#jobs';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

export class DatasetBody {
  @ApiProperty({ description: 'The name of the dataset’s table in SQL.' })
  dataset_key!: string;

  @ApiProperty({ enum: DATASET_ROLES })
  role!: string;

  @ApiProperty()
  original_name!: string;

  @ApiProperty({ enum: ['csv', 'tsv', 'jsonl', 'parquet', 'xlsx'] })
  format!: string;

  @ApiProperty()
  bytes!: number;

  @ApiProperty()
  sha256!: string;

  @ApiProperty()
  row_count!: number;

  @ApiProperty({ format: 'date-time' })
  uploaded_at!: string;
}

export class InputsBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty()
  version!: number;

  @ApiProperty({ type: String, nullable: true, description: 'SHA-256 over the hashes of all datasets.' })
  fingerprint!: string | null;

  @ApiProperty({ type: [DatasetBody] })
  datasets!: DatasetBody[];
}

export class ColumnBody {
  @ApiProperty()
  name!: string;

  @ApiProperty({ example: 'DOUBLE', description: 'As DuckDB names it.' })
  type!: string;

  @ApiProperty()
  nulls!: number;

  @ApiProperty({ description: 'Different values; an estimate for large datasets.' })
  distinct!: number;

  @ApiProperty({ type: String, nullable: true })
  min!: string | null;

  @ApiProperty({ type: String, nullable: true })
  max!: string | null;
}

export class DatasetPreview extends DatasetBody {
  @ApiProperty({ type: [ColumnBody] })
  columns!: ColumnBody[];

  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  sample_rows!: Record<string, unknown>[];
}

export class PreviewBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty()
  version!: number;

  @ApiProperty({ type: [DatasetPreview] })
  datasets!: DatasetPreview[];
}

export class PreviewQuery {
  @ApiPropertyOptional({ minimum: 1, maximum: 200, default: 20 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  rows?: number;
}

/** Only for the OpenAPI document: the parts are read as a stream, in the order in which they come. */
export class UploadBody {
  @ApiProperty({
    enum: DATASET_ROLES,
    description: 'Comes before the file it is for. Role and file repeat for more files.',
  })
  role!: string;

  @ApiProperty({ type: 'string', format: 'binary', description: 'CSV, TSV, JSON Lines, Parquet or XLSX.' })
  file!: unknown;
}

export function toInputsBody(job: Job, datasets: readonly InputDataset[]): InputsBody {
  return {
    job_id: job.job_id,
    version: job.version,
    fingerprint: job.inputs_fingerprint,
    datasets: datasets.map(toDatasetBody),
  };
}

export function toPreviewBody(job: Job, datasets: readonly InputDataset[], rows: number): PreviewBody {
  return {
    job_id: job.job_id,
    version: job.version,
    datasets: datasets.map((dataset) => ({
      ...toDatasetBody(dataset),
      columns: dataset.profile.columns,
      sample_rows: dataset.profile.sampleRows.slice(0, rows),
    })),
  };
}

function toDatasetBody(dataset: InputDataset): DatasetBody {
  const { dataset_key, role, original_name, format, bytes, sha256, uploaded_at, profile } = dataset;
  return {
    dataset_key,
    role,
    original_name,
    format,
    bytes,
    sha256,
    uploaded_at,
    row_count: profile.rowCount,
  };
}
