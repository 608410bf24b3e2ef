import { JobErasure } from '#jobs';
import { requireScope } from '#tenancy';
import { Body, Controller, Delete } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, IF_MATCH, JOB_ID } from '../http/documented.js';
import { IfMatch } from '../http/if-match.js';
import { JobIdParam } from '../http/path-params.js';
import { type JobBody, JobBody as JobBodyClass, toJobBody } from './job.body.js';
import { ReasonRequest } from './job.request.js';

@ApiTags('jobs')
@Documented()
@Controller('v1/jobs/:job_id/data')
export class ErasureController {
  constructor(private readonly erasure: JobErasure) {}

  // Two scopes: it changes a job, and what it takes away, others may count on and nobody brings back.
  @Delete()
  @Needs('tenant:admin')
  @JOB_ID
  @IF_MATCH
  @ApiOperation({ summary: 'Erase the data of a job that has ended; the job and its audit stay' })
  @ApiOkResponse({ type: JobBodyClass })
  async erase(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @IfMatch() version: number | null,
    @Body() body: ReasonRequest | undefined,
  ): Promise<JobBody> {
    requireScope(asking.caller, 'jobs:write');
    return toJobBody(await this.erasure.erase(asking.because(body?.reason), jobId, version));
  }
}
