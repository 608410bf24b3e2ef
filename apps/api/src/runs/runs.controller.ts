import { JobReads } from '#jobs';
import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, JOB_ID } from '../http/documented.js';
import { JobIdParam, RunIdParam } from '../http/path-params.js';
import { PlanBody, RunBody, RunPage } from './runs.body.js';

@ApiTags('runs')
@Documented()
@Controller('v1/jobs/:job_id')
export class RunsController {
  constructor(private readonly reads: JobReads) {}

  @Get('plan')
  @Needs('jobs:read')
  @JOB_ID
  @ApiOperation({ summary: 'Read the frozen plan' })
  @ApiOkResponse({ type: PlanBody })
  async plan(@Asks() asking: Asking, @JobIdParam() jobId: string): Promise<PlanBody> {
    const { tenant_id: _tenantId, document, ...shown } = await this.reads.plan(asking.scope(), jobId);
    const { steps, retry = null, timeout_seconds = null } = document;
    return { ...shown, steps, retry, timeout_seconds };
  }

  @Get('runs')
  @Needs('jobs:read')
  @JOB_ID
  @ApiOperation({ summary: 'List the runs of a job, the first one first' })
  @ApiOkResponse({ type: RunPage })
  async list(@Asks() asking: Asking, @JobIdParam() jobId: string): Promise<RunPage> {
    return { items: await this.reads.listRuns(asking.scope(), jobId), next_cursor: null };
  }

  @Get('runs/:run_id')
  @Needs('jobs:read')
  @JOB_ID
  @ApiParam({ name: 'run_id', schema: { type: 'string', format: 'uuid' } })
  @ApiOperation({ summary: 'Read one run: its steps, times and error' })
  @ApiOkResponse({ type: RunBody })
  async get(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @RunIdParam() runId: string,
  ): Promise<RunBody> {
    return this.reads.getRun(asking.scope(), jobId, runId);
  }
}
