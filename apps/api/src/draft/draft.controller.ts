import { Drain } from '#health';
import { DraftNotFound, JobLifecycle, JobReads } from '#jobs';
import { Body, Controller, Get, HttpCode, Patch, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, IF_MATCH, JOB_ID, PREFER_WAIT, REPEATABLE } from '../http/documented.js';
import { IfMatch, required } from '../http/if-match.js';
import { JobIdParam, RevisionParam } from '../http/path-params.js';
import { lookUntil, type Patience, PreferWait } from '../http/prefer-wait.js';
import { RequestInvalid } from '../http/request-invalid.js';
import {
  DraftBody,
  DraftRevisionBody,
  DraftRevisionPage,
  EditDraftRequest,
  RequestDraftRequest,
  toDraftBody,
  toRevisionBody,
} from './draft.body.js';

const RETRY_AFTER_SECONDS = 1;

@ApiTags('draft')
@Documented()
@Controller('v1/jobs/:job_id/draft')
export class DraftController {
  constructor(
    private readonly lifecycle: JobLifecycle,
    private readonly reads: JobReads,
    private readonly drain: Drain,
  ) {}

  @Post()
  @REPEATABLE
  @HttpCode(200)
  @Needs('jobs:write')
  @JOB_ID
  @IF_MATCH
  @PREFER_WAIT
  @ApiOperation({ summary: 'Ask for a draft; 202 while a worker makes it' })
  @ApiOkResponse({ type: DraftBody })
  @ApiAcceptedResponse({ type: DraftBody })
  async request(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @IfMatch() version: number | null,
    @PreferWait() patience: Patience,
    @Body() _body: RequestDraftRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DraftBody> {
    await this.lifecycle.requestDraft(asking.scope(), jobId, version);
    const { job, draft } = await lookUntil(
      patience,
      () => this.lifecycle.getDraft(asking.scope(), jobId),
      (seen) => seen.job.draft_task?.state !== 'pending' || this.drain.hasBegun,
    );
    const body = toDraftBody(job, draft);
    if (body.status === 'pending') {
      void reply
        .status(202)
        .header('Location', `/v1/jobs/${encodeURIComponent(jobId)}/draft`)
        .header('Retry-After', String(RETRY_AFTER_SECONDS));
    }
    return body;
  }

  @Get()
  @Needs('jobs:read')
  @JOB_ID
  @PREFER_WAIT
  @ApiOperation({ summary: 'Read the latest draft' })
  @ApiOkResponse({ type: DraftBody })
  async get(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @PreferWait() patience: Patience,
  ): Promise<DraftBody> {
    const { job, draft } = await lookUntil(
      patience,
      () => this.lifecycle.getDraft(asking.scope(), jobId),
      (seen) => seen.job.draft_task?.state !== 'pending' || this.drain.hasBegun,
    );
    if (!draft && !job.draft_task) throw new DraftNotFound(jobId);
    return toDraftBody(job, draft);
  }

  @Get('revisions')
  @Needs('jobs:read')
  @JOB_ID
  @ApiOperation({ summary: 'List every draft that the job ever had, the latest first' })
  @ApiOkResponse({ type: DraftRevisionPage })
  async revisions(@Asks() asking: Asking, @JobIdParam() jobId: string): Promise<DraftRevisionPage> {
    const { job, drafts } = await this.reads.listDrafts(asking.scope(), jobId);
    return { items: drafts.map((draft) => toRevisionBody(job, draft)), next_cursor: null };
  }

  @Get('revisions/:revision')
  @Needs('jobs:read')
  @JOB_ID
  @ApiParam({ name: 'revision', schema: { type: 'integer', minimum: 1 } })
  @ApiOperation({ summary: 'Read one draft that the job had' })
  @ApiOkResponse({ type: DraftRevisionBody })
  async revision(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @RevisionParam() revision: number,
  ): Promise<DraftRevisionBody> {
    const { job, draft } = await this.reads.getDraft(asking.scope(), jobId, revision);
    return toRevisionBody(job, draft);
  }

  @Patch()
  @Needs('jobs:write')
  @JOB_ID
  @IF_MATCH
  @ApiOperation({ summary: 'Edit the latest draft; needs If-Match' })
  @ApiOkResponse({ type: DraftBody })
  async edit(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @IfMatch() version: number | null,
    @Body() body: EditDraftRequest,
  ): Promise<DraftBody> {
    const edit = namedFields(body);
    if (Object.keys(edit).length === 0) {
      throw new RequestInvalid([{ pointer: '', detail: 'must name text, steps, answers or notes' }]);
    }
    const { job, draft } = await this.lifecycle.editDraft(asking.scope(), jobId, required(version), edit);
    return toDraftBody(job, draft);
  }
}

/** An instance of a body has all its fields, those that were not sent as `undefined`. */
function namedFields(body: EditDraftRequest): EditDraftRequest {
  return Object.fromEntries(
    Object.entries(body).filter(([, value]) => value !== undefined && value !== null),
  );
}
