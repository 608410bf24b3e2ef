import { DraftingUsage } from '#jobs';
import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented } from '../http/documented.js';
import { toUsageBody, UsageBody, UsageQuery } from './usage.body.js';

const DEFAULT_DAYS = 31;

@ApiTags('usage')
@Documented()
@Controller('v1/usage')
export class UsageController {
  constructor(private readonly usage: DraftingUsage) {}

  @Get()
  @Needs('jobs:read')
  @ApiOperation({ summary: 'What the tenant used of language models, and its budgets of today' })
  @ApiOkResponse({ type: UsageBody })
  async get(@Asks() asking: Asking, @Query() query: UsageQuery): Promise<UsageBody> {
    return toUsageBody(await this.usage.report(asking.scope(), query.days ?? DEFAULT_DAYS));
  }
}
