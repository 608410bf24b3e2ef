import {
  CALL_ERRORS,
  type CallError,
  type Delivery,
  DELIVERY_STATUSES,
  type DeliveryStatus,
  type DisabledBecause,
  type Webhook,
} from '#webhooks';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';

const instant = { type: String, format: 'date-time', nullable: true } as const;

export class WebhookBody implements Webhook {
  @ApiProperty({ example: 'wh_0123456789abcdef' })
  webhook_id!: string;

  @ApiProperty()
  url!: string;

  @ApiProperty({ type: [String], example: ['job.*'] })
  types!: string[];

  @ApiProperty({ type: String, nullable: true })
  description!: string | null;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ ...instant, description: 'Until when the secret before the rotation signs as well.' })
  old_secret_until!: string | null;

  @ApiProperty({ ...instant, description: 'Since when every call has failed.' })
  failing_since!: string | null;

  @ApiProperty(instant)
  disabled_at!: string | null;

  @ApiProperty({ type: String, enum: ['failing', 'gone'], nullable: true })
  disabled_because!: DisabledBecause | null;
}

export class WebhookList {
  @ApiProperty({ type: [WebhookBody] })
  items!: WebhookBody[];

  @ApiProperty({ type: String, nullable: true, description: 'Null: these are all.' })
  next_cursor!: null;
}

export class NewWebhookBody extends WebhookBody {
  @ApiProperty({
    type: String,
    nullable: true,
    example: 'whsec_…',
    description: 'What deliveries are signed with: shown this once, and null in the answer to a repeat.',
  })
  secret!: string | null;
}

export class DeliveryBody implements Delivery {
  @ApiProperty({ format: 'uuid', description: 'The header `webhook-id` is `msg_` and this.' })
  delivery_id!: string;

  @ApiProperty()
  webhook_id!: string;

  @ApiProperty({ type: 'integer', nullable: true, description: 'Null for a test.' })
  event_id!: number | null;

  @ApiProperty({ example: 'job.succeeded' })
  type!: string;

  @ApiProperty({ enum: DELIVERY_STATUSES })
  status!: DeliveryStatus;

  @ApiProperty({ type: 'integer' })
  attempts!: number;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ ...instant, description: 'When it is called next.' })
  next_at!: string | null;

  @ApiProperty(instant)
  ended_at!: string | null;

  @ApiProperty({ type: 'integer', nullable: true, description: 'What the last call was answered.' })
  response_status!: number | null;

  @ApiProperty({
    type: String,
    enum: CALL_ERRORS,
    nullable: true,
    description: 'Why the last call was not answered.',
  })
  error_code!: CallError | null;
}

export class DeliveryPageBody {
  @ApiProperty({ type: [DeliveryBody] })
  items!: DeliveryBody[];

  @ApiProperty({ type: String, nullable: true })
  next_cursor!: string | null;
}

export class CreateWebhookRequest {
  @ApiProperty({ description: 'https, and public, unless the operator allows more.', maxLength: 2_000 })
  @IsString()
  @MaxLength(2_000)
  url!: string;

  @ApiPropertyOptional({
    type: [String],
    default: ['job.*'],
    description: '`job.succeeded`, or all of a kind, `step.*`; see docs/following.md.',
  })
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(50)
  @Matches(/^[a-z_]{1,40}\.([a-z_]{1,60}|\*)$/, {
    each: true,
    message: 'types must be like job.failed or step.*',
  })
  types?: string[];

  @ApiPropertyOptional({ maxLength: 200 })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  description?: string;
}

export class RotateWebhookRequest {
  @ApiPropertyOptional({
    description: 'How long deliveries carry a signature by the old secret too.',
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

export class EmptyRequest {}

export class ListDeliveriesQuery {
  @ApiPropertyOptional({ enum: DELIVERY_STATUSES })
  @IsOptional()
  @IsIn(DELIVERY_STATUSES)
  status?: DeliveryStatus;

  @ApiPropertyOptional({ minimum: 1, maximum: 200, default: 50 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit?: number;

  @ApiPropertyOptional({ description: '`next_cursor` of the page before.' })
  @IsOptional()
  @IsString()
  @MaxLength(2_000)
  cursor?: string;
}
