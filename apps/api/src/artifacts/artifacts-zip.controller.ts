import type { ArtifactStore } from '#artifacts';
import { JobReads } from '#jobs';
import { Controller, Get, Inject, Req, Res, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, JOB_ID } from '../http/documented.js';
import { JobIdParam } from '../http/path-params.js';
import { ARTIFACT_STORE } from '../settings.js';
import { attachment } from './content-disposition.js';
import { zipOf } from './zip-files.js';

@ApiTags('artifacts')
@Documented()
@Controller('v1/jobs/:job_id/artifacts.zip')
export class ArtifactsZipController {
  constructor(
    private readonly reads: JobReads,
    @Inject(ARTIFACT_STORE) private readonly store: ArtifactStore,
  ) {}

  @Get()
  @Needs('artifacts:read')
  @JOB_ID
  @ApiProduces('application/zip')
  @ApiOperation({ summary: 'Download all files that a job owns, as one archive' })
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  async download(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile | undefined> {
    const disposition = attachment(`${jobId}.zip`);
    const type = 'application/zip';
    if (request.method === 'HEAD') {
      await this.reads.listArtifacts(asking.scope(), jobId);
      void reply.headers({ 'Content-Type': type, 'Content-Disposition': disposition });
      return undefined;
    }
    const { tenantId } = asking.caller;
    const artifacts = await this.reads.takeArtifacts(asking.scope(), jobId);
    const files = artifacts.map(({ rel_path, bytes, created_at, storage_name: storageName }) => ({
      name: rel_path,
      bytes: bytes ?? 0,
      changedAt: new Date(created_at),
      open: () => this.store.open({ tenantId, jobId, storageName }),
    }));
    return new StreamableFile(zipOf(files), { type, disposition });
  }
}
