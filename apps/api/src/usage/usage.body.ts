import type { UsageReport } from '#jobs';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

const MICROS = 'In millionths of the currency of the operator’s price table.';

export class UsageQuery {
  @ApiPropertyOptional({ minimum: 1, maximum: 366, default: 31, description: 'So many days back, in UTC.' })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(366)
  days?: number;
}

/** A budget of the day. */
export class BudgetBody {
  @ApiProperty({ description: 'What counts: what was used, and an estimate for calls of unknown cost.' })
  used!: number;

  @ApiProperty({ type: Number, nullable: true, description: 'Null: no limit.' })
  limit!: number | null;
}

export class BudgetsBody {
  @ApiProperty({ type: BudgetBody })
  calls!: BudgetBody;

  @ApiProperty({ type: BudgetBody })
  tokens!: BudgetBody;

  @ApiProperty({ type: BudgetBody, description: MICROS })
  cost_micros!: BudgetBody;
}

export class UsageLineBody {
  @ApiProperty({ format: 'date' })
  day!: string;

  @ApiProperty()
  provider!: string;

  @ApiProperty()
  model!: string;

  @ApiProperty({ description: 'Requests that went out.' })
  calls!: number;

  @ApiProperty({ description: 'Requests that were answered, too late or faultily as well.' })
  answered!: number;

  @ApiProperty()
  tokens_in!: number;

  @ApiProperty()
  tokens_out!: number;

  @ApiProperty({ description: MICROS })
  cost_micros!: number;
}

/** What the tenant used of language models. */
export class UsageBody {
  @ApiProperty({ format: 'date' })
  day!: string;

  @ApiProperty({ format: 'date-time', description: 'When the budgets of today begin anew.' })
  resets_at!: string;

  @ApiProperty({ type: BudgetsBody })
  budgets!: BudgetsBody;

  @ApiProperty({ type: [UsageLineBody], description: 'By day and model, the newest first.' })
  items!: UsageLineBody[];

  @ApiProperty({ type: String, nullable: true, description: 'Null: these are all.' })
  next_cursor!: null;
}

export function toUsageBody({ today, limits, lines }: UsageReport): UsageBody {
  return {
    day: today.day,
    resets_at: today.resets_at,
    budgets: {
      calls: { used: today.calls, limit: limits.calls_per_day },
      tokens: { used: today.tokens, limit: limits.tokens_per_day },
      cost_micros: { used: today.cost_micros, limit: limits.cost_micros_per_day },
    },
    items: lines,
    next_cursor: null,
  };
}
