import { DATASET_ROLES, type DatasetRole, type InputUpload } from '#jobs';
import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsInt, IsString, Matches, Max, Min } from 'class-validator';

export class UploadState {
  @ApiProperty({ format: 'uuid' })
  upload_id!: string;

  @ApiProperty({ description: 'The name of the file.' })
  original_name!: string;

  @ApiProperty({ enum: DATASET_ROLES })
  role!: string;

  @ApiProperty({ description: 'How many bytes the file has.' })
  bytes!: number;

  @ApiProperty({ description: 'How many of them have come.' })
  received_bytes!: number;

  @ApiProperty({ format: 'date-time' })
  expires_at!: string;

  @ApiProperty({ description: 'Whether the dataset was added to the job.' })
  finished!: boolean;
}

export class PresignRequest {
  @ApiProperty({ example: 'penguins.csv', description: 'The name of the file; its ending tells the format.' })
  @IsString()
  name!: string;

  @ApiProperty({ enum: DATASET_ROLES })
  @IsIn(DATASET_ROLES)
  role!: DatasetRole;

  @ApiProperty({ minimum: 1, description: 'How many bytes the file has.' })
  @IsInt()
  @Min(1)
  @Max(5 * 1024 ** 3, { message: 'one request to the store takes 5 GiB at most' })
  bytes!: number;

  @ApiProperty({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the file, in lower-case hex.' })
  @Matches(/^[0-9a-f]{64}$/)
  sha256!: string;
}

export class PresignedBody {
  @ApiProperty({ format: 'uuid' })
  upload_id!: string;

  @ApiProperty({ example: 'PUT' })
  method!: string;

  @ApiProperty({ description: 'Where the file goes. Whoever has it can send this one file: it is a secret.' })
  url!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'To be sent as they are.',
  })
  headers!: Readonly<Record<string, string>>;

  @ApiProperty({ format: 'date-time', description: 'Until then the upload has to be complete.' })
  expires_at!: string;
}

export function toUploadState(upload: InputUpload, receivedBytes: number): UploadState {
  const { upload_id, original_name, role, bytes, expires_at, finished_at } = upload;
  return {
    ...{ upload_id, original_name, role, bytes, expires_at },
    received_bytes: receivedBytes,
    finished: finished_at !== null,
  };
}
