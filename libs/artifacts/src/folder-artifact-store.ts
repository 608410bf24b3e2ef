import { span } from '#observability';
import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { link, mkdir, open, realpath, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ArtifactNotFound, ArtifactPathUnsafe } from './artifact-refusals.js';
import type {
  ArtifactRef,
  ArtifactStore,
  ByteRange,
  JobPlace,
  Removed,
  WriteLimits,
  Written,
  StoreRoom,
} from './artifact-store.js';
import { ByteMeter } from './byte-meter.js';
import { ID_FILE, jobFolders } from './job-folders.js';
import { jobSegments } from './job-segments.js';
import { encodeSegment, isHashed } from './path-segment.js';
import { assertSafeStorageName } from './rel-path.js';
import { removeFiles } from './remove-files.js';

/**
 * Keeps artifacts in folders: `<root>/<tenant>/<shard>/<job>/<storageName>`.
 * The first three are {@link jobSegments}.
 */
export class FolderArtifactStore implements ArtifactStore {
  constructor(private readonly root: string) {}

  async write(
    ref: ArtifactRef,
    source: AsyncIterable<Uint8Array> | Readable,
    limits: WriteLimits,
  ): Promise<Written> {
    return span('artifact write', {}, async (open) => {
      const written = await this.writeWithin(ref, source, limits);
      open.set({ 'ss.artifact.bytes': written.bytes });
      return written;
    });
  }

  private async writeWithin(
    ref: ArtifactRef,
    source: AsyncIterable<Uint8Array> | Readable,
    limits: WriteLimits,
  ): Promise<Written> {
    const path = this.pathOf(ref);
    const folder = dirname(path);
    keepErrorsForLater(source);
    await mkdir(folder, { recursive: true });
    await this.assertInside(folder);
    await this.nameHashedFolders(ref);
    // In the same folder, since a rename is atomic only within a file system.
    const temporary = join(folder, `~${randomUUID()}.part`);
    try {
      const written = await copyMetered(source, temporary, limits);
      await rename(temporary, path);
      await syncFolder(folder);
      return written;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /**
   * Keeps a file that is on this machine already under the reference, without copying its bytes where the file system
   * can give one file two names. Whoever calls promises that nobody writes into it again.
   */
  async adopt(ref: ArtifactRef, path: string): Promise<Written> {
    const target = this.pathOf(ref);
    const folder = dirname(target);
    await mkdir(folder, { recursive: true });
    await this.assertInside(folder);
    await this.nameHashedFolders(ref);
    const temporary = join(folder, `~${randomUUID()}.part`);
    try {
      await link(path, temporary);
      const written = await measure(temporary);
      await rename(temporary, target);
      await syncFolder(folder);
      return written;
    } catch (error) {
      await rm(temporary, { force: true });
      if (hasErrno(error, ['EXDEV', 'EPERM', 'EMLINK'])) {
        return await this.write(ref, createReadStream(path), { maxBytes: Number.MAX_SAFE_INTEGER });
      }
      throw error;
    } finally {
      // Renaming one name of a file onto another of the same leaves both.
      await rm(temporary, { force: true });
    }
  }

  async open(ref: ArtifactRef, range?: ByteRange): Promise<Readable> {
    const handle = await this.openRegular(ref);
    return handle.createReadStream({ ...range, autoClose: true });
  }

  async stat(ref: ArtifactRef): Promise<{ bytes: number } | null> {
    try {
      await using handle = await this.openRegular(ref);
      return { bytes: (await handle.stat()).size };
    } catch (error) {
      if (error instanceof ArtifactNotFound) return null;
      throw error;
    }
  }

  localPath(ref: ArtifactRef): Promise<string> {
    return Promise.resolve(this.pathOf(ref));
  }

  /** Whoever may write here is on this machine, or has a key of the API. */
  presign(): Promise<null> {
    return Promise.resolve(null);
  }

  pathOf(ref: ArtifactRef): string {
    assertSafeStorageName(ref.storageName);
    return join(this.jobFolder(ref), ...ref.storageName.split('/'));
  }

  async remove(ref: ArtifactRef): Promise<void> {
    const path = this.pathOf(ref);
    try {
      await this.assertInside(dirname(path));
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    await rm(path, { force: true });
  }

  async removeAll(job: JobPlace, before?: Date): Promise<Removed> {
    const folder = this.jobFolder(job);
    try {
      await this.assertInside(folder);
    } catch (error) {
      if (isMissing(error)) return { files: 0, bytes: 0 };
      throw error;
    }
    return removeFiles(folder, before ?? null);
  }

  jobs(): AsyncIterable<JobPlace> {
    return jobFolders(this.root, (job) => this.jobFolder(job));
  }

  async probe(): Promise<void> {
    await mkdir(this.root, { recursive: true });
    const path = join(this.root, `~probe-${randomUUID()}`);
    try {
      await writeFile(path, 'probe', { flag: 'wx', flush: true });
    } finally {
      await rm(path, { force: true });
    }
  }

  /** What is left for this program's user, as `df` tells it; null before the folder is made. */
  async room(): Promise<StoreRoom | null> {
    const place = await statfs(this.root).catch(() => null);
    return place && { totalBytes: place.blocks * place.bsize, freeBytes: place.bavail * place.bsize };
  }

  private tenantFolder(ref: JobPlace): string {
    return join(this.root, encodeSegment(ref.tenantId));
  }

  private jobFolder(ref: JobPlace): string {
    return join(this.root, ...jobSegments(ref));
  }

  /** A hashed folder name tells nobody whose it is, so the id lies in a file inside. */
  private async nameHashedFolders(ref: ArtifactRef): Promise<void> {
    const named = [
      { id: ref.tenantId, folder: this.tenantFolder(ref) },
      { id: ref.jobId, folder: this.jobFolder(ref) },
    ];
    for (const { id, folder } of named) {
      if (!isHashed(encodeSegment(id))) continue;
      // As JSON: the id may hold what text cannot, a lone surrogate say.
      await writeFile(join(folder, ID_FILE), JSON.stringify(id));
    }
  }

  private async openRegular(ref: ArtifactRef): Promise<Awaited<ReturnType<typeof open>>> {
    const path = this.pathOf(ref);
    try {
      await this.assertInside(path);
      // O_NOFOLLOW for a link put there after the check; O_NONBLOCK so that a FIFO cannot hold the caller.
      const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      if ((await handle.stat()).isFile()) return handle;
      await handle.close();
    } catch (error) {
      if (!isMissing(error)) throw isLoop(error) ? new ArtifactPathUnsafe('it is a symbolic link') : error;
    }
    throw new ArtifactNotFound();
  }

  /** Refuses a path that symbolic links lead out of the root. */
  private async assertInside(path: string): Promise<void> {
    const [root, real] = await Promise.all([realpath(this.root), realpath(path)]);
    if (!real.startsWith(root + sep)) throw new ArtifactPathUnsafe('it leads out of the artifact folder');
  }
}

async function copyMetered(
  source: AsyncIterable<Uint8Array> | Readable,
  path: string,
  { maxBytes, signal }: WriteLimits,
): Promise<Written> {
  const meter = new ByteMeter(maxBytes);
  const handle = await open(path, 'wx', 0o640);
  // `flush` syncs before the close, so the rename never puts a name on bytes that a power cut would take.
  const target = handle.createWriteStream({ flush: true });
  await pipeline(source, meter.pass, target, signal ? { signal } : {});
  return meter.written();
}

async function measure(path: string): Promise<Written> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    hash.update(chunk);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/**
 * A stream may fail while the folder is still being made; without a listener that would end the process.
 * The pipeline that reads the stream afterwards meets the same error.
 */
function keepErrorsForLater(source: AsyncIterable<Uint8Array> | Readable): void {
  if ('once' in source) source.once('error', () => undefined);
}

/** Makes the new name itself survive a power cut. */
async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}

function isMissing(error: unknown): boolean {
  return hasErrno(error, ['ENOENT', 'ENOTDIR']);
}

function isLoop(error: unknown): boolean {
  return hasErrno(error, ['ELOOP']);
}

function hasErrno(error: unknown, codes: readonly string[]): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && codes.includes(String(error.code));
}
