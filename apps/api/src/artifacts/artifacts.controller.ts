import { ArtifactNotFound, type ArtifactStore } from '#artifacts';
import { JobReads } from '#jobs';
import { Controller, Get, Headers, Inject, Req, Res, StreamableFile } from '@nestjs/common';
import {
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProduces,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { basename } from 'node:path';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, JOB_ID } from '../http/documented.js';
import { JobIdParam, RelPathParam } from '../http/path-params.js';
import { ARTIFACT_STORE } from '../settings.js';
import { ArtifactPage, toArtifactBody } from './artifacts.body.js';
import { rangeOf } from './byte-range.js';

@ApiTags('artifacts')
@Documented()
@Controller('v1/jobs/:job_id/artifacts')
export class ArtifactsController {
  constructor(
    private readonly reads: JobReads,
    @Inject(ARTIFACT_STORE) private readonly store: ArtifactStore,
  ) {}

  @Get()
  @Needs('artifacts:read')
  @JOB_ID
  @ApiOperation({ summary: 'List the files that a job owns' })
  @ApiOkResponse({ type: ArtifactPage })
  async list(@Asks() asking: Asking, @JobIdParam() jobId: string): Promise<ArtifactPage> {
    const artifacts = await this.reads.listArtifacts(asking.scope(), jobId);
    return { items: artifacts.map(toArtifactBody), next_cursor: null };
  }

  @Get('*')
  @Needs('artifacts:read')
  @JOB_ID
  @ApiParam({
    name: 'path',
    schema: { type: 'string' },
    description: 'As the list has it, slashes included.',
  })
  @ApiHeader({ name: 'Range', required: false, description: 'bytes=first-last' })
  @ApiProduces('application/octet-stream')
  @ApiOperation({ summary: 'Download a file, or a range of it' })
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  @ApiResponse({
    status: 206,
    description: 'The range that was asked for.',
    schema: { type: 'string', format: 'binary' },
  })
  async download(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @RelPathParam() relPath: string,
    @Headers('range') rangeHeader: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    // HEAD comes here too, and takes nothing.
    const look = request.method === 'HEAD' ? 'findArtifact' : 'takeArtifact';
    const artifact = await this.reads[look](asking.scope(), jobId, relPath);
    const bytes = artifact?.bytes ?? null;
    if (!artifact || bytes === null) throw new ArtifactNotFound();
    const range = rangeOf(rangeHeader, bytes);
    const ref = { tenantId: asking.caller.tenantId, jobId, storageName: artifact.storage_name };
    const content = await this.store.open(ref, range ?? undefined);
    void reply.headers({
      'Accept-Ranges': 'bytes',
      ETag: `"${artifact.sha256 ?? ''}"`,
      'X-Content-Type-Options': 'nosniff',
      // Files come from users and their programs: a browser that opens one runs nothing of it.
      'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    });
    if (range) {
      void reply
        .status(206)
        .header('Content-Range', `bytes ${String(range.start)}-${String(range.end)}/${String(bytes)}`);
    }
    return new StreamableFile(content, {
      type: artifact.content_type,
      length: range ? range.end - range.start + 1 : bytes,
      disposition: disposition(basename(relPath)),
    });
  }
}

/** RFC 6266: a plain name for old clients, the true one beside it. */
export function disposition(name: string): string {
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${name.replace(/[^\x20-\x7e]|["\\%]/g, '_')}"; filename*=UTF-8''${encoded}`;
}
