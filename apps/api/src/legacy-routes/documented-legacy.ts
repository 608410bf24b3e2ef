import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiHeader, ApiProperty, ApiTags } from '@nestjs/swagger';
import type { LegacyRefusal } from './legacy-refusal.js';

/** The body of every refusal of these routes. */
export class LegacyRefusalBody implements LegacyRefusal {
  @ApiProperty({ example: 'JOB_NOT_FOUND' })
  error_code!: string;

  @ApiProperty()
  message!: string;
}

/** What every route without a version has in common in its OpenAPI document. */
export const DocumentedLegacy = (): ClassDecorator =>
  applyDecorators(
    ApiTags('legacy'),
    ApiBearerAuth(),
    ApiHeader({
      name: 'X-SS-Tenant-ID',
      required: false,
      description: 'Repeats the tenant of the key, or chooses one where the key has platform:admin.',
    }),
    ApiDefaultResponse({
      description: 'Any refusal, as the legacy service wrote it.',
      type: LegacyRefusalBody,
    }),
  );
