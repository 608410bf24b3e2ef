import { PutObjectCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { span } from '#observability';
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { ArtifactChanged, ArtifactStoreUnavailable } from './artifact-refusals.js';
import type {
  AnnouncedFile,
  ArtifactRef,
  ArtifactStore,
  ByteRange,
  JobPlace,
  LocalCopy,
  PresignedPut,
  Removed,
  WriteLimits,
  Written,
} from './artifact-store.js';
import { ID_FILE } from './job-folders.js';
import { jobSegments } from './job-segments.js';
import { ByteMeter } from './byte-meter.js';
import { decodeSegment, isHashed } from './path-segment.js';
import { assertSafeStorageName } from './rel-path.js';
import { s3Client, toldByS3 } from './s3-client.js';
import { S3Objects } from './s3-objects.js';
import type { S3Settings } from './s3-settings.js';

const MIB = 1024 ** 2;
/** S3 takes this many parts, and none below 5 MiB but the last. */
const MAX_PARTS = 10_000;
const PART = { min: 8 * MIB, max: 128 * MIB };
/** Parts of one file that are under way at once: with the part size, what an upload takes of memory. */
const PARTS_AT_ONCE = 3;
const MAX_KEY_BYTES = 1_024;

/**
 * Keeps artifacts in a bucket: `<prefix>/<tenant>/<shard>/<job>/<storageName>`. Large files go in parts, each with a
 * checksum that the server compares; the object is there only when the last part is. Sets no ACL: who may read is for
 * the bucket's own policy to say.
 */
export class S3ArtifactStore implements ArtifactStore {
  private readonly objects: S3Objects;
  private readonly root: string;

  constructor(settings: S3Settings) {
    this.objects = new S3Objects(s3Client(settings), settings.bucket);
    const prefix = settings.prefix.replace(/^\/+|\/+$/g, '');
    this.root = prefix === '' ? '' : `${prefix}/`;
  }

  async write(
    ref: ArtifactRef,
    source: AsyncIterable<Uint8Array> | Readable,
    limits: WriteLimits,
  ): Promise<Written> {
    return span('artifact write', {}, async (open) => {
      const key = this.keyOf(ref);
      await this.nameHashedFolders(ref);
      const written = await this.send(key, source, limits);
      open.set({ 'ss.artifact.bytes': written.bytes });
      return written;
    });
  }

  async open(ref: ArtifactRef, range?: ByteRange): Promise<Readable> {
    return this.objects.get(this.keyOf(ref), range);
  }

  async stat(ref: ArtifactRef): Promise<{ bytes: number } | null> {
    const bytes = await this.objects.head(this.keyOf(ref));
    return bytes === null ? null : { bytes };
  }

  async localPath(ref: ArtifactRef, { folder, sha256 }: LocalCopy): Promise<string> {
    const content = await this.open(ref);
    await mkdir(folder, { recursive: true });
    const path = join(folder, randomUUID());
    const meter = new ByteMeter(Infinity);
    try {
      await pipeline(content, meter.pass, createWriteStream(path, { flags: 'wx', mode: 0o640 }));
      if (sha256 !== null && meter.written().sha256 !== sha256) throw new ArtifactChanged();
      return path;
    } catch (error) {
      await rm(path, { force: true });
      throw toldByS3(error);
    }
  }

  /** The server itself refuses another length or hash: both are signed. */
  async presign(ref: ArtifactRef, { bytes, sha256, ttlSeconds }: AnnouncedFile): Promise<PresignedPut> {
    const key = this.keyOf(ref);
    await this.nameHashedFolders(ref);
    const checksum = Buffer.from(sha256, 'hex').toString('base64');
    const { client, bucket } = this.objects;
    const url = await getSignedUrl(
      client,
      new PutObjectCommand({ Bucket: bucket, Key: key, ContentLength: bytes, ChecksumSHA256: checksum }),
      {
        expiresIn: ttlSeconds,
        signableHeaders: new Set(['host', 'content-length', 'x-amz-checksum-sha256']),
        unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
      },
    );
    return { url, headers: { 'content-length': String(bytes), 'x-amz-checksum-sha256': checksum } };
  }

  async remove(ref: ArtifactRef): Promise<void> {
    await this.objects.delete([this.keyOf(ref)]);
  }

  /** By the server's own clock, which counts whole seconds: what is as old as `before` to the second is spared. */
  async removeAll(job: JobPlace, before?: Date): Promise<Removed> {
    const removed = { files: 0, bytes: 0 };
    for await (const page of this.objects.pages(`${this.folderOf(job)}/`)) {
      const due = page.filter(
        ({ LastModified }) => before === undefined || (LastModified !== undefined && LastModified < before),
      );
      await this.objects.delete(due.flatMap(({ Key }) => (Key === undefined ? [] : [Key])));
      removed.files += due.length;
      removed.bytes += due.reduce((sum, { Size }) => sum + (Size ?? 0), 0);
    }
    return removed;
  }

  /** Through all keys: those of a job follow one another, and a thousand come with each answer. */
  async *jobs(): AsyncGenerator<JobPlace> {
    let last = '';
    for await (const page of this.objects.pages(this.root)) {
      for (const { Key = '' } of page) {
        const [tenant = '', shard = '', name = '', ...inside] = Key.slice(this.root.length).split('/');
        const folder = `${this.root}${tenant}/${shard}/${name}`;
        if (inside.length === 0 || folder === last) continue;
        last = folder;
        const job = await this.jobAt(folder, tenant, name);
        if (job !== null) yield job;
      }
    }
  }

  async probe(): Promise<void> {
    const key = `${this.root}~probe-${randomUUID()}`;
    await this.objects.put(key, 'probe');
    await this.objects.delete([key]);
  }

  /** A bucket has no end that anybody could tell. */
  room(): Promise<null> {
    return Promise.resolve(null);
  }

  private async send(
    key: string,
    source: AsyncIterable<Uint8Array> | Readable,
    { maxBytes, signal }: WriteLimits,
  ): Promise<Written> {
    const meter = new ByteMeter(maxBytes);
    const body = new PassThrough();
    const upload = new Upload({
      client: this.objects.client,
      params: { Bucket: this.objects.bucket, Key: key, Body: body },
      partSize: Math.min(Math.max(Math.ceil(maxBytes / MAX_PARTS), PART.min), PART.max),
      queueSize: PARTS_AT_ONCE,
    });
    // When either side fails the other has to end too: the parts are taken back, the source is read no further.
    const sent = upload.done().catch((error: unknown) => {
      body.destroy(error instanceof Error ? error : new Error('the upload failed', { cause: error }));
      throw error;
    });
    const [fed, done] = await Promise.allSettled([
      pipeline(source, meter.pass, body, signal ? { signal } : {}),
      sent,
    ]);
    if (fed.status === 'rejected') throw toldByS3(fed.reason);
    if (done.status === 'rejected') throw toldByS3(done.reason);
    const written = meter.written();
    if ((await this.objects.head(key)) !== written.bytes) {
      await this.objects.delete([key]);
      throw new ArtifactChanged();
    }
    return written;
  }

  private keyOf(ref: ArtifactRef): string {
    assertSafeStorageName(ref.storageName);
    const key = `${this.folderOf(ref)}/${ref.storageName}`;
    if (Buffer.byteLength(key) <= MAX_KEY_BYTES) return key;
    // Nobody reads a name back from its key, so a hash will do.
    return `${this.folderOf(ref)}/~${createHash('sha256').update(ref.storageName).digest('hex')}`;
  }

  private folderOf(job: JobPlace): string {
    return this.root + jobSegments(job).join('/');
  }

  /** A hashed folder name tells nobody whose it is, so the id lies in an object inside. */
  private async nameHashedFolders(job: JobPlace): Promise<void> {
    const [tenant, , name] = jobSegments(job);
    if (isHashed(tenant)) {
      await this.objects.put(`${this.root}${tenant}/${ID_FILE}`, JSON.stringify(job.tenantId));
    }
    if (isHashed(name)) {
      await this.objects.put(`${this.folderOf(job)}/${ID_FILE}`, JSON.stringify(job.jobId));
    }
  }

  /** Null for what the store would not put there: not a job's. */
  private async jobAt(folder: string, tenant: string, name: string): Promise<JobPlace | null> {
    const tenantId = await this.idOf(`${this.root}${tenant}`, tenant);
    const jobId = await this.idOf(folder, name);
    if (tenantId === null || jobId === null) return null;
    const job = { tenantId, jobId };
    return this.isPlace(folder, job) ? job : null;
  }

  private async idOf(folder: string, name: string): Promise<string | null> {
    try {
      if (!isHashed(name)) return decodeSegment(name);
      const id: unknown = JSON.parse(await text(await this.objects.get(`${folder}/${ID_FILE}`)));
      return typeof id === 'string' ? id : null;
    } catch (error) {
      // No name that the store gives, or no object that tells it: not a job's.
      if (error instanceof ArtifactStoreUnavailable) throw error;
      return null;
    }
  }

  private isPlace(folder: string, job: JobPlace): boolean {
    try {
      return this.folderOf(job) === folder;
    } catch {
      return false;
    }
  }
}
