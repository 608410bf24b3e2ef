import { type InputUpload, UploadNotFound } from '#jobs';
import { DomainError, type ErrorCode } from '#observability';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { UploadSettings } from '../settings.js';

/** The header by which the protocol's server is told which upload a request is of; a client's own does not reach it. */
const UPLOAD = 'x-ss-upload';
/** A file of ours, what the protocol's server keeps beside it, and copies that a crash left. */
const OURS = /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.json)?|ss-inspect-.*)$/;
const CODES: Readonly<Record<number, ErrorCode>> = {
  403: 'UPLOAD_OFFSET_CONFLICT',
  409: 'UPLOAD_OFFSET_CONFLICT',
  413: 'UPLOAD_FILE_SIZE_LIMIT_EXCEEDED',
};

class TusRefused extends DomainError {
  constructor(code: ErrorCode, detail: string) {
    super(code, detail);
  }
}

/** The bytes of resumable uploads that are under way: a file each, as long as what has come. */
export class PartialFiles {
  private readonly files: FileStore;
  private readonly tus: Server;

  constructor(private readonly settings: UploadSettings) {
    this.files = new FileStore({ directory: settings.folder });
    const idOf = (request: Request): string => request.headers.get(UPLOAD) ?? '';
    this.tus = new Server({
      path: '/',
      datastore: this.files,
      namingFunction: idOf,
      getFileIdFromRequest: idOf,
      generateUrl: (_request, { id }) => id,
    });
  }

  /**
   * Makes room for the upload, with the first bytes if the request brings some. Answers how many have come. A request
   * that comes again finds the room that there is.
   */
  async begin(upload: InputUpload, request: IncomingMessage): Promise<number> {
    const there = await stat(join(this.settings.folder, upload.upload_id)).catch(() => null);
    if (there) return there.size;
    return this.take('POST', upload, request);
  }

  /** Takes the next bytes; those that come before a connection breaks stay. Answers how many have come. */
  async append(upload: InputUpload, request: IncomingMessage): Promise<number> {
    return this.take('PATCH', upload, request);
  }

  /** How many bytes have come. Throws `UPLOAD_NOT_FOUND` where another process has them, or nobody any more. */
  async offsetOf({ upload_id: uploadId }: InputUpload): Promise<number> {
    const file = await stat(join(this.settings.folder, uploadId)).catch(() => null);
    if (!file) throw new UploadNotFound();
    return file.size;
  }

  contentOf({ upload_id: uploadId }: InputUpload): Readable {
    return createReadStream(join(this.settings.folder, uploadId));
  }

  async remove({ upload_id: uploadId }: InputUpload): Promise<void> {
    for (const name of [uploadId, `${uploadId}.json`])
      await rm(join(this.settings.folder, name), { force: true });
  }

  /** Removes what nobody has added to for as long as an upload may take. */
  async removeExpired(): Promise<void> {
    await mkdir(this.settings.folder, { recursive: true });
    const before = Date.now() - this.settings.ttlSeconds * 1_000;
    for (const name of (await readdir(this.settings.folder)).filter((one) => OURS.test(one))) {
      const path = join(this.settings.folder, name);
      const file = await stat(path).catch(() => null);
      if (file && file.mtimeMs < before) await rm(path, { recursive: true, force: true });
    }
  }

  private async take(
    method: 'POST' | 'PATCH',
    upload: InputUpload,
    incoming: IncomingMessage,
  ): Promise<number> {
    const headers = new Headers({ [UPLOAD]: upload.upload_id });
    // The length is told once, when the upload begins; a client that repeats it is let have its way.
    const length = method === 'POST' ? ['upload-length'] : [];
    for (const name of ['tus-resumable', 'upload-offset', 'content-type', 'content-length', ...length]) {
      const value = incoming.headers[name];
      if (typeof value === 'string') headers.set(name, value);
    }
    const brings = headers.has('content-type');
    const body = brings ? { body: Readable.toWeb(incoming), duplex: 'half' as const } : {};
    const answer = await this.tus.handleWeb(new Request('http://uploads/', { method, headers, ...body }));
    if (incoming.destroyed && !incoming.complete)
      throw new TusRefused(
        'INPUT_UPLOAD_CUT',
        'The connection broke. What came before is kept; go on from there.',
      );
    if (!answer.ok) throw await refusalOf(answer);
    return Number(answer.headers.get('upload-offset') ?? 0);
  }
}

async function refusalOf(answer: Response): Promise<Error> {
  const detail = (await answer.text()).trim();
  if (answer.status >= 500) return new Error(`the upload was not kept: ${detail}`);
  if (answer.status === 404 || answer.status === 410) return new UploadNotFound();
  return new TusRefused(CODES[answer.status] ?? 'UPLOAD_REQUEST_INVALID', `${detail}.`);
}
