import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '#testing';
import type { ArtifactRef } from './artifact-store.js';
import { FolderArtifactStore } from './folder-artifact-store.js';

const ref: ArtifactRef = { tenantId: 'acme', jobId: 'job-1', storageName: 'tables/s1.csv' };
const limits = { maxBytes: 1_000_000 };

let base: string;
let root: string;
let store: FolderArtifactStore;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'ss-artifacts-'));
  root = join(base, 'root');
  store = new FolderArtifactStore(root);
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** A moment after the file’s last change, by the file system’s own clock, and before whatever comes next. */
async function after(path: string): Promise<Date> {
  const { ctime } = await stat(path);
  return eventually(async () => {
    const marker = join(base, 'clock');
    await writeFile(marker, '');
    const now = (await stat(marker)).ctime;
    return now > ctime ? now : null;
  });
}

const source = (...chunks: string[]): Readable => Readable.from(chunks.map((chunk) => Buffer.from(chunk)));

describe('FolderArtifactStore', () => {
  it('keeps what was written, with its length and hash, and gives it back', async () => {
    const written = await store.write(ref, source('hello ', 'world'), limits);
    expect(written).toEqual({ bytes: 11, sha256: createHash('sha256').update('hello world').digest('hex') });
    expect(await text(await store.open(ref))).toBe('hello world');
    expect(await store.stat(ref)).toEqual({ bytes: 11 });
    expect(await readFile(store.pathOf(ref), 'utf8')).toBe('hello world');
  });

  it('spares what was written, renamed or linked there since a moment, however old the bytes are', async () => {
    await store.write(ref, source('old'), limits);
    await writeFile(join(base, 'legacy'), 'legacy');
    await utimes(join(base, 'legacy'), 0, 0);
    const moment = await after(store.pathOf(ref));
    await store.adopt({ ...ref, storageName: 'adopted' }, join(base, 'legacy'));
    expect(await store.removeAll(ref, moment)).toEqual({ files: 1, bytes: 3 });
    expect(await text(await store.open({ ...ref, storageName: 'adopted' }))).toBe('legacy');
  });

  it('removes a link and not what it leads to', async () => {
    await writeFile(join(base, 'secret'), 'not ours');
    await mkdir(join(base, 'elsewhere'));
    await writeFile(join(base, 'elsewhere/file'), 'not ours either');
    await store.write(ref, source('x'), limits);
    const folder = dirname(store.pathOf(ref));
    await symlink(join(base, 'secret'), join(folder, 'file-link'));
    await symlink(join(base, 'elsewhere'), join(folder, 'folder-link'));
    await store.removeAll(ref);
    expect(await readFile(join(base, 'secret'), 'utf8')).toBe('not ours');
    expect(await readFile(join(base, 'elsewhere/file'), 'utf8')).toBe('not ours either');
    expect(await filesUnder(root)).toEqual([]);
  });

  it('refuses to empty a folder that a link leads to out of the root', async () => {
    await store.write(ref, source('x'), limits);
    await mkdir(join(base, 'elsewhere'));
    await writeFile(join(base, 'elsewhere/file'), 'not ours');
    const folder = dirname(dirname(store.pathOf(ref)));
    await rm(folder, { recursive: true });
    await symlink(join(base, 'elsewhere'), folder);
    await expect(store.removeAll(ref)).rejects.toMatchObject({ code: 'ARTIFACT_PATH_UNSAFE' });
    expect(await readFile(join(base, 'elsewhere/file'), 'utf8')).toBe('not ours');
  });

  it('shards by a hash, so that ids with one beginning spread out', () => {
    const shards = new Set(
      Array.from({ length: 200 }, (_, n) => {
        const path = store.pathOf({ ...ref, jobId: `job-2026-${String(n)}` });
        return relative(root, path).split('/')[1];
      }),
    );
    expect(shards.size).toBeGreaterThan(90);
  });

  it.each(['../x', '/etc/passwd', 'a/../../x', 'a\\b', '', '~id.json', 'a\u0000'])(
    'refuses the storage name %j',
    async (storageName) => {
      const unsafe = { ...ref, storageName };
      await expect(store.write(unsafe, source('x'), limits)).rejects.toMatchObject({
        code: 'ARTIFACT_PATH_UNSAFE',
      });
      await expect(store.open(unsafe)).rejects.toMatchObject({ code: 'ARTIFACT_PATH_UNSAFE' });
    },
  );

  it.each(['..', '../../etc', 'ünï cödé', 'a\u0000b', '😀'.repeat(255), 'x'.repeat(255), 'Job', 'job'])(
    'keeps the job id %j apart and inside the root',
    async (id) => {
      const odd = { tenantId: id, jobId: id, storageName: 'a.txt' };
      const other = { ...odd, jobId: `${Array.from(id).slice(1).join('')}y` };
      await store.write(odd, source('mine'), limits);
      await store.write(other, source('other'), limits);
      expect(await text(await store.open(odd))).toBe('mine');
      expect(relative(root, store.pathOf(odd)).startsWith('..')).toBe(false);
      expect((await readdir(base)).sort()).toEqual(['root']);
    },
  );

  it('writes the id beside a folder whose name is only a hash of it', async () => {
    const jobId = '😀'.repeat(255);
    await store.write({ ...ref, jobId, storageName: 'a.txt' }, source('x'), limits);
    const folder = dirname(store.pathOf({ ...ref, jobId, storageName: 'a.txt' }));
    expect(JSON.parse(await readFile(join(folder, '~id.json'), 'utf8'))).toBe(jobId);
  });

  it('refuses to follow a symbolic link, be it the file or a folder', async () => {
    const secret = join(base, 'secret');
    await mkdir(secret);
    await writeFile(join(secret, 's1.csv'), 'secret');
    const path = store.pathOf(ref);
    await mkdir(dirname(path), { recursive: true });
    await symlink(join(secret, 's1.csv'), path);
    await expect(store.open(ref)).rejects.toMatchObject({ code: 'ARTIFACT_PATH_UNSAFE' });

    const linked = { ...ref, jobId: 'job-2' };
    await mkdir(dirname(dirname(store.pathOf(linked))), { recursive: true });
    await symlink(secret, dirname(store.pathOf(linked)));
    await expect(store.open(linked)).rejects.toMatchObject({ code: 'ARTIFACT_PATH_UNSAFE' });
    await expect(store.write(linked, source('x'), limits)).rejects.toMatchObject({
      code: 'ARTIFACT_PATH_UNSAFE',
    });
    await expect(store.remove(linked)).rejects.toMatchObject({ code: 'ARTIFACT_PATH_UNSAFE' });
    expect(await readFile(join(secret, 's1.csv'), 'utf8')).toBe('secret');
  });

  it('knows nothing of a file that is not there, of a folder, and of a removed file', async () => {
    expect(await store.stat(ref)).toBeNull();
    await store.remove(ref);
    await store.write(ref, source('x'), limits);
    expect(await store.stat({ ...ref, storageName: 'tables' })).toBeNull();
    await store.remove(ref);
    expect(await store.stat(ref)).toBeNull();
    await expect(store.open(ref)).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' });
  });

  it('probes by writing, and fails where it cannot', async () => {
    await store.probe();
    expect(await readdir(root)).toEqual([]);
    await writeFile(join(base, 'file'), '');
    await expect(new FolderArtifactStore(join(base, 'file')).probe()).rejects.toThrow();
  });
});
