import { ApiProperty } from '@nestjs/swagger';
import { type ApiVersion, documentAddress } from './api-version.js';

const STATUSES = ['current', 'deprecated', 'gone'] as const;
const day = { type: String, format: 'date', nullable: true } as const;

export class VersionBody {
  @ApiProperty({ example: 'v1' })
  name!: string;

  @ApiProperty({ description: 'Its addresses are this one and all below it.', example: '/v1' })
  prefix!: string;

  @ApiProperty()
  about!: string;

  @ApiProperty({ enum: STATUSES })
  status!: (typeof STATUSES)[number];

  @ApiProperty({ format: 'date', example: '2026-11-23' })
  since!: string;

  @ApiProperty({ ...day, description: 'Since then its answers carry Deprecation.' })
  deprecated!: string | null;

  @ApiProperty({ ...day, description: 'From then on it answers 410; null: it stays.' })
  sunset!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'The version to move to.' })
  successor!: string | null;

  @ApiProperty({ description: 'Its OpenAPI document.', example: '/openapi/v1.json' })
  openapi!: string;
}

export class VersionList {
  @ApiProperty({ type: [VersionBody] })
  items!: VersionBody[];

  @ApiProperty({ type: String, nullable: true, description: 'Null: these are all.' })
  next_cursor!: null;
}

export function toVersionBody(version: ApiVersion, isGone: boolean): VersionBody {
  const { name, prefix, about, since, deprecated, sunset, successor, ends } = version;
  return {
    ...{ name, prefix, about, since, deprecated, successor },
    status: isGone ? 'gone' : deprecated === null ? 'current' : 'deprecated',
    sunset: ends === 'never' ? null : sunset,
    openapi: documentAddress(version),
  };
}
