import { JobExplanations } from '#jobs';
import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, JOB_ID } from '../http/documented.js';
import { JobIdParam } from '../http/path-params.js';
import { ExplanationBody } from './explanation.body.js';

@ApiTags('jobs')
@Documented()
@Controller('v1/jobs/:job_id/explain')
export class ExplainController {
  constructor(private readonly explanations: JobExplanations) {}

  @Get()
  @Needs('jobs:read')
  @JOB_ID
  @ApiOperation({ summary: 'Why is it not running?' })
  @ApiOkResponse({ type: ExplanationBody })
  async explain(@Asks() asking: Asking, @JobIdParam() jobId: string): Promise<ExplanationBody> {
    return this.explanations.of(asking.scope(), jobId);
  }
}
