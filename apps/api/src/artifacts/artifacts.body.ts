import type { Artifact } from '#jobs';
import { ApiProperty } from '@nestjs/swagger';

export class ArtifactBody {
  @ApiProperty({ example: 'tables/mean_by_species.csv' })
  rel_path!: string;

  @ApiProperty({ example: 'table.csv' })
  kind!: string;

  @ApiProperty({ example: 'text/csv' })
  content_type!: string;

  @ApiProperty({ type: Number, nullable: true })
  bytes!: number | null;

  @ApiProperty({ type: String, nullable: true })
  sha256!: string | null;

  @ApiProperty({ type: String, nullable: true })
  run_id!: string | null;

  @ApiProperty({ type: String, nullable: true })
  step_id!: string | null;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;
}

export class ArtifactPage {
  @ApiProperty({ type: [ArtifactBody] })
  items!: ArtifactBody[];

  @ApiProperty({ type: String, nullable: true })
  next_cursor!: string | null;
}

export function toArtifactBody(artifact: Artifact): ArtifactBody {
  const { rel_path, kind, content_type, bytes, sha256, run_id, step_id, created_at } = artifact;
  return { rel_path, kind, content_type, bytes, sha256, run_id, step_id, created_at };
}
