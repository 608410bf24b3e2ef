import { type InputUpload, JobUploads, UploadNotFound } from '#jobs';
import { DomainError, isDomainError } from '#observability';
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, JOB_ID, REPEATABLE } from '../http/documented.js';
import { JobIdParam } from '../http/path-params.js';
import { InputsBody, toInputsBody } from '../inputs/inputs.body.js';
import { toName } from '../inputs/upload.js';
import { PartialFiles } from './partial-files.js';
import { TUS, TUS_CONTENT } from './tus.js';
import { metadataOf } from './upload-metadata.js';
import { PresignedBody, PresignRequest, toUploadState, UploadState } from './uploads.body.js';

class VersionUnsupported extends DomainError {
  constructor() {
    super('UPLOAD_VERSION_UNSUPPORTED', `Send Tus-Resumable: ${TUS}.`);
  }
}

class UploadRequestInvalid extends DomainError {
  constructor(detail: string) {
    super('UPLOAD_REQUEST_INVALID', detail);
  }
}

const UPLOAD_ID: MethodDecorator = ApiParam({
  name: 'upload_id',
  schema: { type: 'string', format: 'uuid' },
});
const RESUMABLE: MethodDecorator = ApiHeader({ name: 'Tus-Resumable', required: true, example: TUS });

/** What cannot be an upload's id is none's. */
const UploadIdParam = (): ParameterDecorator =>
  Param('upload_id', {
    transform(value: unknown): string {
      const text = String(value).toLowerCase();
      if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) throw new UploadNotFound();
      return text;
    },
  });

/** Datasets that come piece by piece (tus 1.0), or past the API straight to the store. */
@ApiTags('inputs')
@Documented()
@Controller('v1/jobs/:job_id/inputs')
export class UploadsController {
  constructor(
    private readonly uploads: JobUploads,
    private readonly partial: PartialFiles,
  ) {}

  @Post('uploads')
  @REPEATABLE
  @HttpCode(201)
  @Needs('jobs:write')
  @JOB_ID
  @RESUMABLE
  @ApiHeader({ name: 'Upload-Length', required: true, description: 'How many bytes the file has.' })
  @ApiHeader({
    name: 'Upload-Metadata',
    required: true,
    description: 'filename and role, each with its value in base64, by commas.',
  })
  @ApiOperation({ summary: 'Begin a resumable upload of a dataset (tus 1.0)' })
  @ApiCreatedResponse({ description: 'Location is where its bytes go.' })
  async begin(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    speaksTus(request, reply);
    const bytes = lengthOf(request);
    const { name, role } = metadataOf(header(request, 'upload-metadata'));
    const announced = await this.uploads.announce(asking.scope(), jobId, { name, role, bytes });
    const { upload_id: uploadId } = announced;
    // A repeat is told of the upload as it was announced; it may have come to its end since.
    const upload = asking.repeat
      ? await this.uploads.get(asking.scope(), jobId, uploadId, 'resumable')
      : announced;
    const isFinished = upload.finished_at !== null;
    const offset = isFinished ? bytes : await this.partial.begin(upload, request.raw);
    void reply.header('Location', `/v1/jobs/${encodeURIComponent(jobId)}/inputs/uploads/${uploadId}`);
    tell(reply, upload, offset);
    if (offset === bytes && !isFinished) await this.finish(asking, upload);
  }

  @Get('uploads/:upload_id')
  @Needs('jobs:write')
  @JOB_ID
  @UPLOAD_ID
  @ApiOperation({ summary: 'Tell how far a resumable upload is; HEAD is what tus asks' })
  @ApiOkResponse({ type: UploadState })
  async look(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @UploadIdParam() uploadId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UploadState> {
    let upload = await this.uploads.get(asking.scope(), jobId, uploadId, 'resumable');
    const offset = upload.finished_at === null ? await this.partial.offsetOf(upload) : upload.bytes;
    if (upload.finished_at === null && offset === upload.bytes) {
      // All of it came, and whatever followed broke off: a client that sees this offset takes it for done.
      await this.finish(asking, upload);
      upload = await this.uploads.get(asking.scope(), jobId, uploadId, 'resumable');
    }
    tell(reply, upload, offset);
    void reply.header('Cache-Control', 'no-store');
    return toUploadState(upload, offset);
  }

  @Patch('uploads/:upload_id')
  @HttpCode(204)
  @Needs('jobs:write')
  @JOB_ID
  @UPLOAD_ID
  @RESUMABLE
  @ApiHeader({ name: 'Upload-Offset', required: true, description: 'How many bytes have come.' })
  @ApiConsumes(TUS_CONTENT)
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @ApiOperation({
    summary: 'Send the next bytes of a resumable upload; with the last of them the dataset is added',
  })
  @ApiNoContentResponse({ description: 'Upload-Offset tells how many have come.' })
  async append(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @UploadIdParam() uploadId: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    speaksTus(request, reply);
    const upload = await this.uploads.get(asking.scope(), jobId, uploadId, 'resumable');
    if (upload.finished_at !== null) throw new UploadNotFound();
    const offset = await this.partial.append(upload, request.raw);
    if (offset === upload.bytes) await this.finish(asking, upload);
    tell(reply, upload, offset);
  }

  @Delete('uploads/:upload_id')
  @HttpCode(204)
  @Needs('jobs:write')
  @JOB_ID
  @UPLOAD_ID
  @ApiOperation({ summary: 'Give an unfinished resumable upload up' })
  @ApiNoContentResponse({ description: 'Nothing of it is kept.' })
  async abandon(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @UploadIdParam() uploadId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const upload = await this.uploads.get(asking.scope(), jobId, uploadId, 'resumable');
    if (upload.finished_at !== null) throw new UploadNotFound();
    await this.giveUp(asking, upload);
    void reply.header('Tus-Resumable', TUS);
  }

  @Post('presign')
  @REPEATABLE
  @HttpCode(201)
  @Needs('jobs:write')
  @JOB_ID
  @ApiOperation({ summary: 'Get an address to which a dataset can be sent, past the API' })
  @ApiCreatedResponse({ type: PresignedBody })
  async presign(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @Body() body: PresignRequest,
  ): Promise<PresignedBody> {
    const file = { ...body, name: toName(body.name) };
    const { upload, put } = await this.uploads.presign(asking.scope(), jobId, file);
    const { upload_id, expires_at } = upload;
    return { upload_id, method: 'PUT', url: put.url, headers: put.headers, expires_at };
  }

  @Post('presign/:upload_id/complete')
  @REPEATABLE
  @HttpCode(200)
  @Needs('jobs:write')
  @JOB_ID
  @UPLOAD_ID
  @ApiOperation({ summary: 'Add the dataset that was sent past the API; may be repeated' })
  @ApiOkResponse({ type: InputsBody })
  async complete(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @UploadIdParam() uploadId: string,
  ): Promise<InputsBody> {
    const { job, datasets } = await this.uploads.complete(asking.scope(), jobId, uploadId);
    return toInputsBody(job, datasets);
  }

  /** A file that can be no dataset is refused for good; after any other failure the client asks again and it is retried. */
  private async finish(asking: Asking, upload: InputUpload): Promise<void> {
    try {
      const scope = { ...asking.scope(), repeat: null };
      await this.uploads.finish(scope, upload, this.partial.contentOf(upload));
    } catch (error) {
      if (isDomainError(error) && error.code !== 'ARTIFACT_STORE_UNAVAILABLE')
        await this.giveUp(asking, upload);
      throw error;
    }
    await this.partial.remove(upload);
  }

  private async giveUp(asking: Asking, upload: InputUpload): Promise<void> {
    await this.uploads.abandon(asking.scope(), upload);
    await this.partial.remove(upload);
  }
}

function speaksTus(request: FastifyRequest, reply: FastifyReply): void {
  if (header(request, 'tus-resumable') === TUS) return;
  void reply.header('Tus-Version', TUS);
  throw new VersionUnsupported();
}

function tell(reply: FastifyReply, upload: InputUpload, offset: number): void {
  void reply.headers({
    'Tus-Resumable': TUS,
    'Upload-Length': upload.bytes,
    'Upload-Offset': offset,
    'Upload-Expires': new Date(upload.expires_at).toUTCString(),
  });
}

function lengthOf(request: FastifyRequest): number {
  const length = header(request, 'upload-length') ?? '';
  if (!/^[1-9]\d{0,14}$/.test(length))
    throw new UploadRequestInvalid(
      'Upload-Length must say how many bytes the file has; it may not follow later.',
    );
  return Number(length);
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
