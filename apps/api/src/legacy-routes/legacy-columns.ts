import type { InputDataset } from '#jobs';
import { ApiProperty } from '@nestjs/swagger';

export class LegacyColumn {
  @ApiProperty()
  name!: string;

  @ApiProperty({ enum: ['integer', 'number', 'boolean', 'datetime', 'string'] })
  inferred_type!: string;
}

export class LegacyDataSource {
  @ApiProperty()
  dataset_key!: string;

  @ApiProperty()
  role!: string;

  @ApiProperty()
  original_name!: string;

  @ApiProperty({ example: 'csv' })
  format!: string;
}

const TYPES: readonly (readonly [duckdb: RegExp, legacy: string])[] = [
  [/INT/, 'integer'],
  [/^(DOUBLE|FLOAT|REAL|DECIMAL)/, 'number'],
  [/^BOOLEAN/, 'boolean'],
  [/^(DATE|TIME)/, 'datetime'],
];

export function toLegacyColumns({ profile }: InputDataset): LegacyColumn[] {
  return profile.columns.map(({ name, type }) => ({
    name,
    inferred_type: TYPES.find(([duckdb]) => duckdb.test(type))?.[1] ?? 'string',
  }));
}

export function toLegacyDataSource(dataset: InputDataset): LegacyDataSource {
  const { dataset_key, role, original_name, format } = dataset;
  return { dataset_key, role, original_name, format };
}

/** The dataset that the legacy service means where it speaks of one. */
export function primaryOf(datasets: readonly InputDataset[]): InputDataset | undefined {
  return datasets.find(({ role }) => role === 'primary_dataset') ?? datasets[0];
}
