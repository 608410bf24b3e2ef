import { type BatchItem, type BatchResult, JobBatches } from '#jobs';
import { DomainError, metrics } from '#observability';
import { requireScope } from '#tenancy';
import { Body, Controller, Headers, HttpCode, Inject, Post, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { createHash } from 'node:crypto';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { BodyPipe } from '../http/body.pipe.js';
import { Documented } from '../http/documented.js';
import { problemOf } from '../http/problem.js';
import { RequestInvalid } from '../http/request-invalid.js';
import { LegacyJobs } from '../legacy/legacy-jobs.js';
import { API_SETTINGS, type ApiSettings } from '../settings.js';
import { BatchBody, type BatchItemBody, CreateBatchRequest } from './batch.body.js';
import { CreateJobRequest } from './job.request.js';
import { faultsBetween, faultsOfKey, toNewJob } from './new-job.js';

@ApiTags('jobs')
@Documented()
@Controller('v1/jobs/batch')
export class BatchController {
  private readonly pipe = new BodyPipe();

  constructor(
    private readonly batches: JobBatches,
    private readonly legacy: LegacyJobs,
    @Inject(API_SETTINGS) private readonly settings: ApiSettings,
  ) {}

  @Post()
  @HttpCode(200)
  @Needs('jobs:write')
  @ApiOperation({ summary: 'Make up to 1,000 jobs at once; all of them, or each for itself' })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'Of the whole batch. The same key and body: the same jobs.',
  })
  @ApiOkResponse({ type: BatchBody })
  async create(
    @Asks() asking: Asking,
    @Body() body: CreateBatchRequest,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BatchBody> {
    if (body.items.some((item) => 'confirm' in item && item.confirm === true)) {
      requireScope(asking.caller, 'jobs:confirm');
    }
    const faults = faultsOfKey(key);
    if (faults.length > 0) throw new RequestInvalid(faults);
    const items: BatchItem[] = [];
    for (const item of body.items) items.push(await this.parse(item, asking));
    const { results, replayed } = await this.batches.create(
      asking.scope(),
      body.mode ?? 'all',
      items,
      key === undefined
        ? null
        : {
            route: 'POST /v1/jobs/batch',
            key,
            bodySha256: createHash('sha256').update(JSON.stringify(body)).digest('hex'),
            ttlHours: this.settings.idempotencyTtlHours,
          },
    );
    if (replayed) {
      metrics.idempotentReplays.inc();
      void reply.header('Idempotent-Replayed', 'true');
    }
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
