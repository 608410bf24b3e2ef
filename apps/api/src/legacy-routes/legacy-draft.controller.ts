import type { TenantScope } from '#database';
import { Drain } from '#health';
import { type Draft, type Job, JobInputs, JobLifecycle } from '#jobs';
import { DomainError } from '#observability';
import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { JOB_ID } from '../http/documented.js';
import { JobIdParam } from '../http/path-params.js';
import { lookUntil, type Patience, PreferWait } from '../http/prefer-wait.js';
import { DocumentedLegacy } from './documented-legacy.js';
import { LegacyDraftBody, LegacyPendingBody, toLegacyDraftBody, toPendingBody } from './legacy-draft.body.js';

/** The legacy service made the draft while its client waited, for as long as a model took. */
const WAIT_MS = 20_000;

interface Seen {
  job: Job;
  draft: Draft | null;
}

class DraftingFailed extends DomainError {
  constructor({ code, message }: { code: string; message: string }) {
    super('LLM_CALL_FAILED', `The draft could not be made: ${code}: ${message}`);
  }
}

@DocumentedLegacy()
@Controller('jobs/:job_id/draft')
export class LegacyDraftController {
  constructor(
    private readonly lifecycle: JobLifecycle,
    private readonly inputs: JobInputs,
    private readonly drain: Drain,
  ) {}

  // It asks for a draft where there is none, so it takes the right to.
  @Get('preview')
  @Needs('jobs:write')
  @JOB_ID
  @ApiOperation({ summary: 'Read the draft; makes one where there is none, 202 while that takes' })
  @ApiOkResponse({ type: LegacyDraftBody })
  @ApiAcceptedResponse({ type: LegacyPendingBody })
  async preview(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @PreferWait() patience: Patience,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LegacyDraftBody | LegacyPendingBody> {
    const scope = asking.scope();
    let seen = await this.lifecycle.getDraft(scope, jobId);
    const { datasets } = await this.inputs.list(scope, jobId);
    if (!isThere(seen)) {
      if (datasets.length === 0) {
        void reply.status(202);
        return toPendingBody(jobId, 'pending_inputs_upload');
      }
      // HEAD comes here too, and changes nothing.
      if (request.method !== 'HEAD') seen = await this.make(scope, jobId, patience);
    }
    const { job, draft } = seen;
    if (job.draft_task?.error) throw new DraftingFailed(job.draft_task.error);
    if (isThere(seen) && draft) return toLegacyDraftBody(job, draft, datasets);
    void reply.status(202);
    return toPendingBody(jobId, 'pending_draft');
  }

  private async make(scope: TenantScope, jobId: string, patience: Patience): Promise<Seen> {
    await this.lifecycle.requestDraft(scope, jobId, null);
    return lookUntil(
      { ...patience, waitMs: WAIT_MS },
      () => this.lifecycle.getDraft(scope, jobId),
      ({ job }) => job.draft_task?.state !== 'pending' || this.drain.hasBegun,
    );
  }
}

/** There is a draft, and it is of the inputs that the job has now, or what was confirmed. */
function isThere({ job, draft }: Seen): boolean {
  if (draft === null || job.draft_task !== null) return false;
  return (
    job.plan_id !== null || draft.source === 'client' || draft.inputs_fingerprint === job.inputs_fingerprint
  );
}
