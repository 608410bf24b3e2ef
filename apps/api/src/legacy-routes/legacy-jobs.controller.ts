import type { TenantScope } from '#database';
import { type Draft, type Job, JobLifecycle, JobReads } from '#jobs';
import { isDomainError } from '#observability';
import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { JOB_ID } from '../http/documented.js';
import { JobIdParam } from '../http/path-params.js';
import { DocumentedLegacy } from './documented-legacy.js';
import {
  LegacyConfirmedBody,
  LegacyCreatedBody,
  LegacyJobBody,
  LegacyMovedBody,
  toCreatedBody,
  toLegacyJobBody,
  toMovedBody,
} from './legacy-job.body.js';
import { legacyJobId } from './legacy-job-id.js';
import { LegacyMoves } from './legacy-moves.js';
import { answersOf, LegacyConfirmRequest, LegacyCreateRequest } from './legacy.request.js';
import { parseLegacy } from './parse-legacy.js';

@DocumentedLegacy()
@Controller('jobs')
export class LegacyJobsController {
  constructor(
    private readonly lifecycle: JobLifecycle,
    private readonly reads: JobReads,
    private readonly moves: LegacyMoves,
  ) {}

  @Post()
  @HttpCode(200)
  @Needs('jobs:write')
  @ApiBody({ type: LegacyCreateRequest })
  @ApiOperation({ summary: 'Make the job of a question; the same question again is the same job' })
  @ApiOkResponse({ type: LegacyCreatedBody })
  async create(@Asks() asking: Asking, @Body() body: unknown): Promise<LegacyCreatedBody> {
    const { requirement } = parseLegacy(LegacyCreateRequest, body);
    const jobId = legacyJobId(requirement ?? '');
    return toCreatedBody(await this.createOnce(asking, jobId, requirement ?? undefined));
  }

  private async createOnce(asking: Asking, jobId: string, requirement: string | undefined): Promise<Job> {
    const { traceId, parent: traceParent } = asking.trace;
    try {
      const request = { jobId, requirement, traceId, traceParent };
      return (await this.lifecycle.create(asking.scope(), request, null)).job;
    } catch (error) {
      if (!isDomainError(error) || error.code !== 'JOB_ALREADY_EXISTS') throw error;
      return this.lifecycle.get(asking.scope(), jobId);
    }
  }

  @Get(':job_id')
  @Needs('jobs:read')
  @JOB_ID
  @ApiOperation({ summary: 'Read a job' })
  @ApiOkResponse({ type: LegacyJobBody })
  async get(@Asks() asking: Asking, @JobIdParam() jobId: string): Promise<LegacyJobBody> {
    const scope = asking.scope();
    const { job, draft } = await this.withDraft(scope, jobId);
    const artifacts = await this.reads.listArtifacts(scope, jobId);
    const run = (await this.reads.listRuns(scope, jobId)).at(-1) ?? null;
    return toLegacyJobBody(job, draft, artifacts, run);
  }

  @Post(':job_id/confirm')
  @HttpCode(200)
  @Needs('jobs:confirm')
  @JOB_ID
  @ApiBody({ type: LegacyConfirmRequest })
  @ApiOperation({ summary: 'Freeze the draft into the plan, and queue it' })
  @ApiOkResponse({ type: LegacyConfirmedBody })
  async confirm(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @Body() body: unknown,
  ): Promise<LegacyConfirmedBody> {
    const request = parseLegacy(LegacyConfirmRequest, body);
    const scope = asking.scope();
    if (!request.confirmed) {
      return { ...toMovedBody(await this.lifecycle.get(scope, jobId)), message: 'skipped' };
    }
    const said = { answers: answersOf(request), notes: request.notes ?? undefined };
    return { ...toMovedBody(await this.moves.run(scope, jobId, said)), message: 'confirmed' };
  }

  @Post(':job_id/run')
  @HttpCode(200)
  @Needs('jobs:confirm')
  @JOB_ID
  @ApiOperation({ summary: 'Queue a job from wherever it is; one that failed once more' })
  @ApiOkResponse({ type: LegacyMovedBody })
  async run(@Asks() asking: Asking, @JobIdParam() jobId: string): Promise<LegacyMovedBody> {
    return toMovedBody(await this.moves.run(asking.scope(), jobId));
  }

  /** Null for the draft of a job whose data are erased, be it between the two looks. */
  private async withDraft(scope: TenantScope, jobId: string): Promise<{ job: Job; draft: Draft | null }> {
    const job = await this.lifecycle.get(scope, jobId);
    if (job.erased_at !== null) return { job, draft: null };
    try {
      return { job, draft: (await this.lifecycle.getDraft(scope, jobId)).draft };
    } catch (error) {
      if (!isDomainError(error) || error.code !== 'JOB_DATA_ERASED') throw error;
      return { job: await this.lifecycle.get(scope, jobId), draft: null };
    }
  }
}
