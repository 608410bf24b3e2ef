import { ArtifactNotFound, type ArtifactStore } from '#artifacts';
import { JobReads } from '#jobs';
import { Controller, Get, Inject, Req, Res, StreamableFile } from '@nestjs/common';
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
import { isKnown, isRangeWanted } from './conditions.js';
import { attachment } from './content-disposition.js';

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
  @ApiHeader({ name: 'If-Range', required: false, description: 'The ETag of the file that the range is of.' })
  @ApiHeader({ name: 'If-None-Match', required: false, description: 'The ETag of the file that is there.' })
  @ApiProduces('application/octet-stream')
  @ApiOperation({ summary: 'Download a file, or a range of it' })
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  @ApiResponse({
    status: 206,
    description: 'The range that was asked for.',
    schema: { type: 'string', format: 'binary' },
  })
  @ApiResponse({ status: 304, description: 'It is the file that the client has.' })
  async download(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @RelPathParam() relPath: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile | undefined> {
    // HEAD comes here too, and takes nothing; neither does who has the file already.
    const { headers } = request;
    const takes = request.method !== 'HEAD' && headers['if-none-match'] === undefined;
    const artifact = await this.reads[takes ? 'takeArtifact' : 'findArtifact'](
      asking.scope(),
      jobId,
      relPath,
    );
    if (typeof artifact?.bytes !== 'number') throw new ArtifactNotFound();
    const { bytes, sha256, content_type: type, storage_name: storageName } = artifact;
    const etag = sha256 === null ? null : `"${sha256}"`;
    void reply.headers({
      'Accept-Ranges': 'bytes',
      ...(etag === null ? {} : { ETag: etag }),
      'X-Content-Type-Options': 'nosniff',
      // Files come from users and their programs: a browser that opens one runs nothing of it.
      'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    });
    if (isKnown(headers['if-none-match'], etag)) {
      void reply.status(304);
      return undefined;
    }
    const disposition = attachment(basename(relPath));
    if (request.method === 'HEAD') {
      void reply.headers({
        'Content-Type': type,
        'Content-Length': bytes,
        'Content-Disposition': disposition,
      });
      return undefined;
    }
    if (!takes) await this.reads.takeArtifact(asking.scope(), jobId, relPath);
    const range = isRangeWanted(ifRangeOf(request), etag) ? rangeOf(headers.range, bytes) : null;
    const ref = { tenantId: asking.caller.tenantId, jobId, storageName };
    const content = await this.store.open(ref, range ?? undefined);
    if (range) {
      void reply
        .status(206)
        .header('Content-Range', `bytes ${String(range.start)}-${String(range.end)}/${String(bytes)}`);
    }
    const length = range ? range.end - range.start + 1 : bytes;
    return new StreamableFile(content, { type, length, disposition });
  }
}

/** Node knows the header as one that may come once. */
function ifRangeOf({ headers }: FastifyRequest): string | undefined {
  const header = headers['if-range'];
  return typeof header === 'string' ? header : undefined;
}
