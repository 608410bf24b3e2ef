import { JobInputs } from '#jobs';
import { Controller, Get, HttpCode, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { JOB_ID } from '../http/documented.js';
import { JobIdParam } from '../http/path-params.js';
import { DocumentedLegacy } from './documented-legacy.js';
import {
  LegacyPreviewBody,
  LegacyPreviewQuery,
  LegacyUploadBody,
  LegacyUploadedBody,
  toLegacyPreviewBody,
  toUploadedBody,
} from './legacy-inputs.body.js';
import { receiveLegacyUpload } from './legacy-upload.js';

@DocumentedLegacy()
@Controller('jobs/:job_id/inputs')
export class LegacyInputsController {
  constructor(private readonly inputs: JobInputs) {}

  @Post('upload')
  @HttpCode(200)
  @Needs('jobs:write')
  @JOB_ID
  @ApiConsumes('multipart/form-data')
  @ApiBody({ type: LegacyUploadBody })
  @ApiOperation({ summary: 'Upload datasets, all of them or none' })
  @ApiOkResponse({ type: LegacyUploadedBody })
  async upload(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @Req() request: FastifyRequest,
  ): Promise<LegacyUploadedBody> {
    return toUploadedBody(await receiveLegacyUpload(this.inputs, asking.scope(), jobId, request));
  }

  @Get('preview')
  @Needs('jobs:read')
  @JOB_ID
  @ApiOperation({ summary: 'See columns and the first rows of the primary dataset' })
  @ApiOkResponse({ type: LegacyPreviewBody })
  async preview(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @Query() query: LegacyPreviewQuery,
  ): Promise<LegacyPreviewBody> {
    const { datasets } = await this.inputs.preview(asking.scope(), jobId);
    return toLegacyPreviewBody(jobId, datasets, query);
  }
}
