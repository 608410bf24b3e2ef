import { Drain } from '#health';
import { hasEnded, JobLifecycle, type Job } from '#jobs';
import { requireScope } from '#tenancy';
import { Body, Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { createHash } from 'node:crypto';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, IF_MATCH, JOB_ID, PREFER_WAIT, REPEATABLE } from '../http/documented.js';
import { IfMatch } from '../http/if-match.js';
import { JobIdParam } from '../http/path-params.js';
import { lookUntil, type Patience, PreferWait } from '../http/prefer-wait.js';
import { RequestInvalid } from '../http/request-invalid.js';
import { type JobBody, JobBody as JobBodyClass, toJobBody } from './job.body.js';
import { ConfirmRequest, CreateJobRequest, ReasonRequest, RunRequest } from './job.request.js';
import { faultsBetween, pointIntoPlan, toNewJob } from './new-job.js';

@ApiTags('jobs')
@Documented()
@Controller('v1/jobs')
export class JobsController {
  constructor(
    private readonly lifecycle: JobLifecycle,
    private readonly drain: Drain,
  ) {}

  @Post()
  @Needs('jobs:write')
  @ApiOperation({ summary: 'Make a job: a question, or a plan of your own' })
  @REPEATABLE
  @ApiCreatedResponse({ type: JobBodyClass, headers: { Location: { schema: { type: 'string' } } } })
  async create(
    @Asks() asking: Asking,
    @Body() body: CreateJobRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobBody> {
    if (body.confirm) requireScope(asking.caller, 'jobs:confirm');
    const faults = faultsBetween(body);
    if (faults.length > 0) throw new RequestInvalid(faults);
    const { job, replayed } = await this.lifecycle
      .create(
        asking.scope(),
        toNewJob(body, asking),
        // Over the fields as they were understood, as it was when only this route took keys.
        asking.repeat && {
          ...asking.repeat,
          bodySha256: createHash('sha256').update(JSON.stringify(body)).digest('hex'),
        },
      )
      .catch(pointIntoPlan);
    if (replayed) asking.repeat?.onReplay?.();
    void reply.header('Location', `/v1/jobs/${encodeURIComponent(job.job_id)}`);
    return toJobBody(job);
  }

  @Get(':job_id')
  @Needs('jobs:read')
  @JOB_ID
  @PREFER_WAIT
  @ApiOperation({ summary: 'Read a job; with Prefer: wait=N, when it has ended or N seconds have passed' })
  @ApiOkResponse({ type: JobBodyClass })
  async get(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @PreferWait() patience: Patience,
  ): Promise<JobBody> {
    const look = (): Promise<Job> => this.lifecycle.get(asking.scope(), jobId);
    return toJobBody(await lookUntil(patience, look, (job) => hasEnded(job.status) || this.drain.hasBegun));
  }

  @Post(':job_id/confirm')
  @REPEATABLE
  @HttpCode(200)
  @Needs('jobs:confirm')
  @JOB_ID
  @IF_MATCH
  @ApiOperation({ summary: 'Freeze the draft into the plan, and queue it' })
  @ApiOkResponse({ type: JobBodyClass })
  async confirm(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @IfMatch() version: number | null,
    @Body() body: ConfirmRequest,
  ): Promise<JobBody> {
    const { draft_revision: draftRevision, ...rest } = body;
    return toJobBody(
      await this.lifecycle.confirm(asking.scope(), jobId, { version, draftRevision, ...rest }),
    );
  }

  @Post(':job_id/run')
  @REPEATABLE
  @HttpCode(202)
  @Needs('jobs:confirm')
  @JOB_ID
  @IF_MATCH
  @ApiOperation({ summary: 'Queue a job that was confirmed on hold' })
  @ApiAcceptedResponse({ type: JobBodyClass })
  async run(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @IfMatch() version: number | null,
    @Body() _body: RunRequest,
  ): Promise<JobBody> {
    return toJobBody(await this.lifecycle.enqueue(asking.scope(), jobId, version));
  }

  @Post(':job_id/cancel')
  @REPEATABLE
  @HttpCode(200)
  @Needs('jobs:write')
  @JOB_ID
  @IF_MATCH
  @ApiOperation({ summary: 'End a job that has not ended' })
  @ApiOkResponse({ type: JobBodyClass })
  async cancel(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @IfMatch() version: number | null,
    @Body() body: ReasonRequest,
  ): Promise<JobBody> {
    return toJobBody(await this.lifecycle.cancel(asking.because(body.reason), jobId, version));
  }

  @Post(':job_id/retry')
  @REPEATABLE
  @HttpCode(202)
  @Needs('jobs:confirm')
  @JOB_ID
  @IF_MATCH
  @ApiOperation({ summary: 'Queue a failed job once more' })
  @ApiAcceptedResponse({ type: JobBodyClass })
  async retry(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @IfMatch() version: number | null,
    @Body() body: ReasonRequest,
  ): Promise<JobBody> {
    return toJobBody(await this.lifecycle.retry(asking.because(body.reason), jobId, version));
  }
}
