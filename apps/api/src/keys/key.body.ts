import { type ApiKey, type KeyScope, SCOPES } from '#tenancy';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { IsInstant } from '../http/is-instant.js';

const instant = { type: String, format: 'date-time', nullable: true } as const;

/** A key as it may be shown: without its secret. */
export class KeyBody implements ApiKey {
  @ApiProperty()
  tenant_id!: string;

  @ApiProperty({ example: 'key_0123456789abcdef' })
  key_id!: string;

  @ApiProperty()
  name!: string;

  @ApiProperty({ enum: SCOPES, isArray: true })
  scopes!: KeyScope[];

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty(instant)
  expires_at!: string | null;

  @ApiProperty(instant)
  revoked_at!: string | null;

  @ApiProperty(instant)
  first_used_at!: string | null;

  @ApiProperty({ ...instant, description: 'To the minute.' })
  last_used_at!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'The key that this one follows.' })
  rotated_from!: string | null;
}

export class KeyList {
  @ApiProperty({ type: [KeyBody] })
  items!: KeyBody[];

  @ApiProperty({ type: String, nullable: true, description: 'Null: these are all.' })
  next_cursor!: null;
}

export class NewKeyBody extends KeyBody {
  @ApiProperty({
    type: String,
    nullable: true,
    example: 'ssk.…',
    description: 'The key itself: shown this once, and null in the answer to a repeat.',
  })
  key!: string | null;
}

export class CreateKeyRequest {
  @ApiProperty({ description: 'What it is for.', maxLength: 200 })
  @IsString()
  @Matches(/\S/, { message: 'name must not be blank' })
  @MaxLength(200)
  name!: string;

  @ApiProperty({ enum: SCOPES, isArray: true, description: 'Of those that the calling key has itself.' })
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(SCOPES.length)
  @IsString({ each: true })
  scopes!: string[];

  @ApiPropertyOptional({ format: 'date-time', description: 'When it ends; never when absent.' })
  @IsOptional()
  @IsInstant()
  expires_at?: string;
}

export class RotateKeyRequest {
  @ApiPropertyOptional({
    description: 'How long the old key is still valid.',
    minimum: 0,
    maximum: 2_592_000,
    default: 86_400,
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(2_592_000)
  overlap_seconds?: number;
}
