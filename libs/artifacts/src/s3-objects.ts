import {
  type _Object,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { ArtifactNotFound, ArtifactStoreUnavailable } from './artifact-refusals.js';
import type { ByteRange } from './artifact-store.js';
import { toldByS3 } from './s3-client.js';

/** The objects of one bucket, by their keys. What fails is told in words of ours: {@link toldByS3}. */
export class S3Objects {
  constructor(
    readonly client: S3Client,
    readonly bucket: string,
  ) {}

  async put(key: string, body: string): Promise<void> {
    await told(this.client.send(new PutObjectCommand({ Bucket: this.bucket, Key: key, Body: body })));
  }

  async get(key: string, range?: ByteRange): Promise<Readable> {
    const Range = range && `bytes=${String(range.start)}-${String(range.end ?? '')}`;
    const { Body } = await told(
      this.client.send(
        new GetObjectCommand({ Bucket: this.bucket, Key: key, ...(Range === undefined ? {} : { Range }) }),
      ),
    );
    if (!(Body instanceof Readable)) throw new ArtifactNotFound();
    return Body;
  }

  /** How long it is; null when there is none. */
  async head(key: string): Promise<number | null> {
    try {
      const { ContentLength } = await told(
        this.client.send(new HeadObjectCommand({ Bucket: this.bucket, Key: key })),
      );
      return ContentLength ?? null;
    } catch (error) {
      if (error instanceof ArtifactNotFound) return null;
      throw error;
    }
  }

  /** Content with their being gone already. */
  async delete(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
    const { Errors = [] } = await told(
      this.client.send(new DeleteObjectsCommand({ Bucket: this.bucket, Delete })),
    );
    const [failed] = Errors.filter(({ Code }) => Code !== 'NoSuchKey');
    if (failed) {
      const why = failed.Code === 'AccessDenied' ? 'access_denied' : 'unreachable';
      throw new ArtifactStoreUnavailable(why, new Error(`an object was not deleted: ${failed.Code ?? ''}`));
    }
  }

  /** All objects under a prefix, by pages of at most a thousand, in the order of their keys. */
  async *pages(prefix: string): AsyncGenerator<_Object[]> {
    let next: string | undefined;
    do {
      const asked = { Bucket: this.bucket, Prefix: prefix };
      const { Contents = [], NextContinuationToken }: ListObjectsV2CommandOutput = await told(
        this.client.send(
          new ListObjectsV2Command(next === undefined ? asked : { ...asked, ContinuationToken: next }),
        ),
      );
      yield Contents;
      next = NextContinuationToken;
    } while (next !== undefined);
  }
}

async function told<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw toldByS3(error);
  }
}
