import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsArray, IsBoolean, IsObject, IsOptional, IsString, MaxLength } from 'class-validator';

const MAX_REQUIREMENT = 20_000;
const MAX_NOTES = 5_000;
const object = { type: 'object', additionalProperties: true, default: {} } as const;

export class LegacyCreateRequest {
  @ApiPropertyOptional({ type: String, nullable: true, maxLength: MAX_REQUIREMENT })
  @IsOptional()
  @IsString()
  @MaxLength(MAX_REQUIREMENT)
  requirement?: string | null;
}

/** What may be said about a plan before it is frozen. */
export class LegacyFreezeRequest {
  @ApiPropertyOptional({ type: String, nullable: true, maxLength: MAX_NOTES })
  @IsOptional()
  @IsString()
  @MaxLength(MAX_NOTES)
  notes?: string | null;

  @ApiPropertyOptional({ ...object, description: 'By question_id.' })
  @IsOptional()
  @IsObject()
  answers?: Record<string, unknown>;

  @ApiPropertyOptional(object)
  @IsOptional()
  @IsObject()
  variable_corrections?: Record<string, unknown>;
}

export class LegacyConfirmRequest extends LegacyFreezeRequest {
  @ApiProperty({ description: 'false: nothing happens, and the answer says so.' })
  @IsBoolean()
  confirmed!: boolean;

  @ApiPropertyOptional(object)
  @IsOptional()
  @IsObject()
  default_overrides?: Record<string, unknown>;

  @ApiPropertyOptional(object)
  @IsOptional()
  @IsObject()
  expert_suggestions_feedback?: Record<string, unknown>;

  @ApiPropertyOptional({ type: [String], nullable: true, description: 'Taken and not heeded.' })
  @IsOptional()
  @IsArray()
  output_formats?: unknown[] | null;
}

/** All that was said, as answers of the draft: what is not an answer to a question has its own name among them. */
export function answersOf(request: LegacyFreezeRequest | LegacyConfirmRequest): Record<string, unknown> {
  const { answers, notes: _notes, ...rest } = request;
  const said = Object.entries(rest).filter(
    ([name, value]) => ASIDE.has(name) && Object.keys(Object(value) as object).length > 0,
  );
  return { ...answers, ...Object.fromEntries(said) };
}

const ASIDE: ReadonlySet<string> = new Set([
  'variable_corrections',
  'default_overrides',
  'expert_suggestions_feedback',
]);
