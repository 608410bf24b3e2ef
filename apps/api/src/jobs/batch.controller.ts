import { type BatchItem, type BatchResult, JobBatches } from '#jobs';
import { DomainError } from '#observability';
import { requireScope } from '#tenancy';
import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { BodyPipe } from '../http/body.pipe.js';
import { Documented, REPEATABLE } from '../http/documented.js';
import { problemOf } from '../http/problem.js';
import { RequestInvalid } from '../http/request-invalid.js';
import { LegacyJobs } from '../legacy/legacy-jobs.js';
import { API_SETTINGS, type ApiSettings } from '../settings.js';
import { BatchBody, type BatchItemBody, CreateBatchRequest } from './batch.body.js';
import { CreateJobRequest } from './job.request.js';
import { faultsBetween, toNewJob } from './new-job.js';

@ApiTags('jobs')
@Documented()
@Controller('v1/jobs/batch')
export class BatchController {
  private readonly pipe: BodyPipe;

  constructor(
    private readonly batches: JobBatches,
    private readonly legacy: LegacyJobs,
    @Inject(API_SETTINGS) settings: ApiSettings,
  ) {
    this.pipe = new BodyPipe(settings);
  }

  @Post()
  @HttpCode(200)
  @REPEATABLE
  @Needs('jobs:write')
  @ApiOperation({ summary: 'Make up to 1,000 jobs at once; all of them, or each for itself' })
  @ApiOkResponse({ type: BatchBody })
  async create(@Asks() asking: Asking, @Body() body: CreateBatchRequest): Promise<BatchBody> {
    if (body.items.some((item) => 'confirm' in item && item.confirm === true)) {
      requireScope(asking.caller, 'jobs:confirm');
    }
    const items: BatchItem[] = [];
    for (const item of body.items) items.push(await this.parse(item, asking));
    const { results, replayed } = await this.batches.create(
      asking.scope(),
      body.mode ?? 'all',
      items,
      asking.repeat,
    );
    if (replayed) asking.repeat?.onReplay?.();
    const created = results.filter((result) => 'job' in result).length;
    return {
      created,
      refused: results.length - created,
      items: results.map((result, index) => toItemBody(result, index, asking.requestId)),
    };
  }

  /** The same checks as for a single job; what they refuse belongs to the item. */
  private async parse(item: object, asking: Asking): Promise<BatchItem> {
    try {
      const parsed = await this.pipe.transform(item, { type: 'body', metatype: CreateJobRequest });
      if (!(parsed instanceof CreateJobRequest)) throw new Error('an item was parsed as something else');
      const faults = faultsBetween(parsed);
      if (faults.length > 0) throw new RequestInvalid(faults);
      if (parsed.job_id !== undefined) await this.legacy.ensure(asking.caller.tenantId, parsed.job_id);
      return toNewJob(parsed, asking);
    } catch (error) {
      if (error instanceof DomainError) return error;
      throw error;
    }
  }
}

function toItemBody(result: BatchResult, index: number, requestId: string): BatchItemBody {
  if ('refusal' in result) {
    const problem = problemOf(result.refusal, requestId);
    return { index, status: problem.status, problem };
  }
  const { job_id, version, status } = result.job;
  return { index, status: 201, job_id, version, job_status: status };
}
