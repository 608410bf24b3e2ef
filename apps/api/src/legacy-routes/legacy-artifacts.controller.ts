import { ArtifactNotFound, type ArtifactStore } from '#artifacts';
import { type Artifact, JobReads } from '#jobs';
import { Controller, Get, Inject, Req, Res, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiProduces, ApiProperty } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { basename } from 'node:path';
import { attachment } from '../artifacts/content-disposition.js';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { JOB_ID } from '../http/documented.js';
import { JobIdParam, RelPathParam } from '../http/path-params.js';
import { ARTIFACT_STORE } from '../settings.js';
import { DocumentedLegacy } from './documented-legacy.js';

export class LegacyArtifact {
  @ApiProperty({ example: 'table.csv' })
  kind!: string;

  @ApiProperty({ example: 'tables/mean_by_species.csv' })
  rel_path!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  created_at!: string | null;

  @ApiProperty({ type: 'object', additionalProperties: true })
  meta!: Record<string, unknown>;
}

export class LegacyArtifactList {
  @ApiProperty()
  job_id!: string;

  @ApiProperty({ type: [LegacyArtifact] })
  artifacts!: LegacyArtifact[];
}

@DocumentedLegacy()
@Controller('jobs/:job_id/artifacts')
export class LegacyArtifactsController {
  constructor(
    private readonly reads: JobReads,
    @Inject(ARTIFACT_STORE) private readonly store: ArtifactStore,
  ) {}

  @Get()
  @Needs('artifacts:read')
  @JOB_ID
  @ApiOperation({ summary: 'List the files that a job owns' })
  @ApiOkResponse({ type: LegacyArtifactList })
  async list(@Asks() asking: Asking, @JobIdParam() jobId: string): Promise<LegacyArtifactList> {
    const artifacts = await this.reads.listArtifacts(asking.scope(), jobId);
    return { job_id: jobId, artifacts: artifacts.map(toLegacyArtifact) };
  }

  @Get('*')
  @Needs('artifacts:read')
  @JOB_ID
  @ApiParam({
    name: 'path',
    schema: { type: 'string' },
    description: 'As the list has it, slashes included.',
  })
  @ApiProduces('application/octet-stream')
  @ApiOperation({ summary: 'Download a file' })
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  async download(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @RelPathParam() relPath: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    // HEAD comes here too, and takes nothing.
    const look = request.method === 'HEAD' ? 'findArtifact' : 'takeArtifact';
    const artifact = await this.reads[look](asking.scope(), jobId, relPath);
    const bytes = artifact?.bytes ?? null;
    if (!artifact || bytes === null) throw new ArtifactNotFound();
    const ref = { tenantId: asking.caller.tenantId, jobId, storageName: artifact.storage_name };
    const content = await this.store.open(ref);
    void reply.header('X-Content-Type-Options', 'nosniff');
    return new StreamableFile(content, {
      type: 'application/octet-stream',
      length: bytes,
      disposition: attachment(basename(relPath)),
    });
  }
}

function toLegacyArtifact({ kind, rel_path, created_at }: Artifact): LegacyArtifact {
  return { kind, rel_path, created_at, meta: {} };
}
