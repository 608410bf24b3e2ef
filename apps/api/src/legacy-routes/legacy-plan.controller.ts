import { type FrozenPlan, JobReads } from '#jobs';
import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiProperty } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { JOB_ID } from '../http/documented.js';
import { JobIdParam } from '../http/path-params.js';
import { DocumentedLegacy } from './documented-legacy.js';
import { LegacyMoves } from './legacy-moves.js';
import { answersOf, LegacyFreezeRequest } from './legacy.request.js';
import { parseLegacy } from './parse-legacy.js';

/** The artifact that the frozen plan is too. */
const PLAN_FILE = 'plan.json';

export class LegacyStep {
  @ApiProperty()
  step_id!: string;

  @ApiProperty({ example: 'sql' })
  type!: string;

  @ApiProperty({ type: 'object', additionalProperties: true })
  params!: Record<string, unknown>;

  @ApiProperty({ type: [String] })
  depends_on!: string[];

  @ApiProperty({ type: [String] })
  produces!: string[];
}

export class LegacyPlan {
  @ApiProperty({ description: 'Of today’s form: 2.', example: 2 })
  plan_version!: number;

  @ApiProperty()
  plan_id!: string;

  @ApiProperty({ example: PLAN_FILE })
  rel_path!: string;

  @ApiProperty({ type: [LegacyStep] })
  steps!: LegacyStep[];
}

export class LegacyPlanBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty()
  plan!: LegacyPlan;
}

@DocumentedLegacy()
@Controller('jobs/:job_id/plan')
export class LegacyPlanController {
  constructor(
    private readonly reads: JobReads,
    private readonly moves: LegacyMoves,
  ) {}

  @Get()
  @Needs('jobs:read')
  @JOB_ID
  @ApiOperation({ summary: 'Read the frozen plan' })
  @ApiOkResponse({ type: LegacyPlanBody })
  async get(@Asks() asking: Asking, @JobIdParam() jobId: string): Promise<LegacyPlanBody> {
    return toPlanBody(await this.reads.plan(asking.scope(), jobId));
  }

  @Post('freeze')
  @HttpCode(200)
  @Needs('jobs:confirm')
  @JOB_ID
  @ApiBody({ type: LegacyFreezeRequest })
  @ApiOperation({ summary: 'Freeze the draft into the plan, and hold it' })
  @ApiOkResponse({ type: LegacyPlanBody })
  async freeze(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @Body() body: unknown,
  ): Promise<LegacyPlanBody> {
    const request = parseLegacy(LegacyFreezeRequest, body);
    const said = { answers: answersOf(request), notes: request.notes ?? undefined };
    return toPlanBody(await this.moves.freeze(asking.scope(), jobId, said));
  }
}

function toPlanBody({ job_id, plan_id, plan_version, document }: FrozenPlan): LegacyPlanBody {
  const steps = document.steps.map(({ step_id, type, params, depends_on, produces }) => ({
    ...{ step_id, type, params, depends_on: depends_on ?? [], produces: produces ?? [] },
  }));
  return { job_id, plan: { plan_version, plan_id, rel_path: PLAN_FILE, steps } };
}
