import { JobInputs, type ReceivedDataset, UploadRefused } from '#jobs';
import { isDomainError } from '#observability';
import { Controller, Delete, Get, HttpCode, Post, Query, Req } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, IF_MATCH, JOB_ID, REPEATABLE } from '../http/documented.js';
import { IfMatch } from '../http/if-match.js';
import { DatasetKeyParam, JobIdParam } from '../http/path-params.js';
import { type JobBody, JobBody as JobBodyClass, toJobBody } from '../jobs/job.body.js';
import {
  InputsBody,
  PreviewBody,
  PreviewQuery,
  toInputsBody,
  toPreviewBody,
  UploadBody,
} from './inputs.body.js';
import { UploadCut, uploadedFiles } from './upload.js';

const DEFAULT_ROWS = 20;

@ApiTags('inputs')
@Documented()
@Controller('v1/jobs/:job_id/inputs')
export class InputsController {
  constructor(private readonly inputs: JobInputs) {}

  @Post()
  @REPEATABLE
  @HttpCode(201)
  @Needs('jobs:write')
  @JOB_ID
  @IF_MATCH
  @ApiConsumes('multipart/form-data')
  @ApiBody({ type: UploadBody })
  @ApiOperation({ summary: 'Upload datasets, all of them or none' })
  @ApiCreatedResponse({ type: InputsBody })
  async upload(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @IfMatch() version: number | null,
    @Req() request: FastifyRequest,
  ): Promise<InputsBody> {
    const ref = { tenantId: asking.caller.tenantId, jobId };
    const room = await this.inputs.open(asking.scope(), jobId, version);
    const length = request.headers['content-length'];
    if (length !== undefined) room.assertHolds(Number(length));
    const received: ReceivedDataset[] = [];
    try {
      for await (const file of uploadedFiles(request))
        received.push(await this.inputs.receive(ref, file, room));
      if (received.length === 0) throw new UploadRefused('INPUT_FILE_MISSING', 'The upload holds no file.');
      const { job, datasets } = await this.inputs.add(asking.scope(), jobId, received, version);
      return toInputsBody(job, datasets);
    } catch (error) {
      await this.inputs.discard(ref, received);
      throw isCut(error, request) ? new UploadCut(error) : error;
    }
  }

  @Get()
  @Needs('jobs:read')
  @JOB_ID
  @ApiOperation({ summary: 'List the datasets of a job' })
  @ApiOkResponse({ type: InputsBody })
  async list(@Asks() asking: Asking, @JobIdParam() jobId: string): Promise<InputsBody> {
    const { job, datasets } = await this.inputs.list(asking.scope(), jobId);
    return toInputsBody(job, datasets);
  }

  @Get('preview')
  @Needs('jobs:read')
  @JOB_ID
  @ApiOperation({ summary: 'See columns, types and the first rows of each dataset' })
  @ApiOkResponse({ type: PreviewBody })
  async preview(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @Query() query: PreviewQuery,
  ): Promise<PreviewBody> {
    const { job, datasets } = await this.inputs.preview(asking.scope(), jobId);
    return toPreviewBody(job, datasets, query.rows ?? DEFAULT_ROWS);
  }

  @Delete(':dataset_key')
  @Needs('jobs:write')
  @JOB_ID
  @IF_MATCH
  @ApiOperation({ summary: 'Take a dataset away again' })
  @ApiOkResponse({ type: JobBodyClass })
  async remove(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @DatasetKeyParam() datasetKey: string,
    @IfMatch() version: number | null,
  ): Promise<JobBody> {
    return toJobBody(await this.inputs.remove(asking.scope(), jobId, datasetKey, version));
  }
}

/** The body broke off: the connection is gone, or the parser met the end before the closing boundary. */
export function isCut(error: unknown, request: FastifyRequest): boolean {
  if (isDomainError(error)) return false;
  return (
    request.raw.destroyed ||
    (error instanceof Error && /unexpected end|premature close|aborted/i.test(error.message))
  );
}
