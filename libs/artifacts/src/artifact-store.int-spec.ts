import { S3Server } from '#testing';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ArtifactRef, ArtifactStore, JobPlace } from './artifact-store.js';
import { FolderArtifactStore } from './folder-artifact-store.js';
import { openArtifactStore } from './open-artifact-store.js';

const ref: ArtifactRef = { tenantId: 'acme', jobId: 'job-1', storageName: 'tables/s1.csv' };
const limits = { maxBytes: 1_000_000 };
const MIB = 1024 ** 2;

interface StoreUnderTest {
  store: ArtifactStore;
  /** How many files there are where the store keeps them, whatever they are. */
  leftovers: () => Promise<number>;
  /** How many of them one kept file makes. */
  filesOfOne: number;
  close: () => Promise<void>;
}

async function inFolder(): Promise<StoreUnderTest> {
  const root = await mkdtemp(join(tmpdir(), 'ss-artifacts-'));
  return {
    store: new FolderArtifactStore(root),
    leftovers: async () =>
      (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
        .length,
    filesOfOne: 1,
    close: () => rm(root, { recursive: true, force: true }),
  };
}

async function inBucket(): Promise<StoreUnderTest> {
  const server = await S3Server.start();
  const { AWS_ACCESS_KEY_ID: id = '', AWS_SECRET_ACCESS_KEY: secret = '' } = server.env;
  // Where the SDK looks first.
  process.env['AWS_ACCESS_KEY_ID'] = id;
  process.env['AWS_SECRET_ACCESS_KEY'] = secret;
  const store = await openArtifactStore({
    artifactStore: 's3',
    artifactsDir: '',
    s3Bucket: server.bucket,
    s3Region: null,
    s3Endpoint: server.endpoint,
    s3Prefix: '/some/prefix/',
    s3PathStyle: true,
    s3TimeoutSeconds: 5,
  });
  return {
    store,
    leftovers: async () => (await server.files()).length,
    // The content, its MD5 and its metadata.
    filesOfOne: 3,
    close: async () => {
      await server.stop();
      await server.remove();
    },
  };
}

const source = (...chunks: string[]): Readable => Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

describe.each([
  ['in a folder', inFolder],
  ['in a bucket', inBucket],
])('a store %s', (_name, open) => {
  let subject: StoreUnderTest;
  let store: ArtifactStore;
  let copies: string;

  beforeEach(async () => {
    subject = await open();
    ({ store } = subject);
    copies = await mkdtemp(join(tmpdir(), 'ss-copies-'));
  });
  afterEach(async () => {
    await subject.close();
    await rm(copies, { recursive: true, force: true });
  });

  it('keeps what was written, with its length and hash, and gives it back', async () => {
    const written = await store.write(ref, source('hello ', 'world'), limits);
    expect(written).toEqual({ bytes: 11, sha256: sha256('hello world') });
    expect(await text(await store.open(ref))).toBe('hello world');
    expect(await store.stat(ref)).toEqual({ bytes: 11 });
  });

  it('keeps an empty file', async () => {
    expect(await store.write(ref, source(), limits)).toEqual({ bytes: 0, sha256: sha256('') });
    expect(await text(await store.open(ref))).toBe('');
    expect(await store.stat(ref)).toEqual({ bytes: 0 });
  });

  it('keeps a file of many parts as it is', async () => {
    const chunk = Buffer.from(Array.from({ length: 256 }, (_, n) => n)).toString('latin1');
    const whole = Buffer.from(chunk.repeat((20 * MIB) / 256), 'latin1');
    const chunks = Array.from({ length: 20 }, (_, n) => whole.subarray(n * MIB, (n + 1) * MIB));
    const written = await store.write(ref, Readable.from(chunks), { maxBytes: 32 * MIB });
    expect(written).toEqual({ bytes: 20 * MIB, sha256: sha256(whole) });
    const path = await store.localPath(ref, { folder: copies, sha256: written.sha256 });
    expect(sha256(await readFile(path))).toBe(written.sha256);
    expect(await subject.leftovers()).toBe(subject.filesOfOne);
  });

  it('gives a path on this machine that reads as the file does', async () => {
    await store.write(ref, source('on this machine'), limits);
    const path = await store.localPath(ref, { folder: copies, sha256: sha256('on this machine') });
    expect(await readFile(path, 'utf8')).toBe('on this machine');
    const nothing = { ...ref, storageName: 'nothing' };
    if (store instanceof FolderArtifactStore) return;
    await expect(store.localPath(nothing, { folder: copies, sha256: null })).rejects.toMatchObject({
      code: 'ARTIFACT_NOT_FOUND',
    });
    await expect(store.localPath(ref, { folder: copies, sha256: sha256('another') })).rejects.toMatchObject({
      code: 'ARTIFACT_CHANGED',
    });
    expect(await readdir(copies)).toHaveLength(1);
  });

  it('removes all files of a job, and no other job’s', async () => {
    await store.write(ref, source('one'), limits);
    await store.write({ ...ref, storageName: 'runs/r/logs/s1.txt' }, source('four'), limits);
    // The first begins as the other's name goes on.
    await store.write({ ...ref, jobId: 'job-11' }, source('kept'), limits);
    await store.write({ ...ref, tenantId: 'other' }, source('kept'), limits);
    expect(await store.removeAll(ref)).toEqual({ files: 2, bytes: 7 });
    expect(await store.removeAll(ref)).toEqual({ files: 0, bytes: 0 });
    expect(await subject.leftovers()).toBe(2 * subject.filesOfOne);
    expect(await store.stat(ref)).toBeNull();
  });

  it('spares what was touched since a moment', async () => {
    await store.write(ref, source('new'), limits);
    expect(await store.removeAll(ref, new Date(Date.now() - 60_000))).toEqual({ files: 0, bytes: 0 });
    expect(await store.removeAll(ref, new Date(Date.now() + 60_000))).toEqual({ files: 1, bytes: 3 });
  });

  it('tells every job that has a place, also where a name is only a hash of its id', async () => {
    const long = '😀'.repeat(255);
    const places: JobPlace[] = [
      { tenantId: 'acme', jobId: 'job-1' },
      { tenantId: 'acme', jobId: 'Job/1 ünï' },
      { tenantId: long, jobId: long },
    ];
    for (const place of places) await store.write({ ...place, storageName: 'a/b.txt' }, source('x'), limits);
    const found: JobPlace[] = [];
    for await (const { tenantId, jobId } of store.jobs()) found.push({ tenantId, jobId });
    expect(found).toHaveLength(3);
    expect(found).toEqual(expect.arrayContaining(places));
  });

  it('reads a range, both ends included', async () => {
    await store.write(ref, source('0123456789'), limits);
    expect(await text(await store.open(ref, { start: 2, end: 4 }))).toBe('234');
    expect(await text(await store.open(ref, { start: 7 }))).toBe('789');
  });

  it('leaves nothing behind when the stream is cut, and keeps what was there before', async () => {
    await store.write(ref, source('first'), limits);
    const cut = new Readable({ read: () => undefined });
    cut.push(Buffer.alloc(100_000));
    setImmediate(() => cut.destroy(new Error('connection reset')));
    await expect(store.write(ref, cut, limits)).rejects.toThrow('connection reset');
    expect(await text(await store.open(ref))).toBe('first');
    expect(await subject.leftovers()).toBe(subject.filesOfOne);
  });

  it('leaves nothing behind when the writer is told to stop', async () => {
    const stalled = new Readable({ read: () => undefined });
    stalled.push(Buffer.alloc(10));
    const controller = new AbortController();
    setImmediate(() => {
      controller.abort();
    });
    await expect(store.write(ref, stalled, { ...limits, signal: controller.signal })).rejects.toThrow();
    expect(await store.stat(ref)).toBeNull();
    expect(await subject.leftovers()).toBe(0);
    expect(stalled.destroyed).toBe(true);
  });

  it('refuses a file over the limit without reading all of it', async () => {
    let given = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        given += 1000;
        yield await Promise.resolve(Buffer.alloc(1000));
      }
    }
    await expect(store.write(ref, endless(), { maxBytes: 10_000 })).rejects.toMatchObject({
      code: 'UPLOAD_FILE_SIZE_LIMIT_EXCEEDED',
    });
    expect(given).toBeLessThan(1_000_000);
    expect(await subject.leftovers()).toBe(0);
  });

  it('accepts a file of exactly the limit', async () => {
    expect(await store.write(ref, source('12345'), { maxBytes: 5 })).toMatchObject({ bytes: 5 });
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
    'keeps the job id %j apart',
    async (id) => {
      const odd = { tenantId: id, jobId: id, storageName: `${'ü'.repeat(100)}/`.repeat(4) + 'a.txt' };
      const other = { ...odd, jobId: `${Array.from(id).slice(1).join('')}y` };
      await store.write(odd, source('mine'), limits);
      await store.write(other, source('other'), limits);
      expect(await text(await store.open(odd))).toBe('mine');
      expect(await text(await store.open(other))).toBe('other');
    },
  );

  it('lets one of several writers to a name win, whole', async () => {
    const bodies = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(200_000));
    await Promise.all(
      bodies.map((body) => store.write(ref, source(body.slice(0, 5), body.slice(5)), limits)),
    );
    expect(bodies).toContain(await text(await store.open(ref)));
    expect(await subject.leftovers()).toBe(subject.filesOfOne);
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

  it('probes and leaves nothing of it', async () => {
    await store.probe();
    expect(await subject.leftovers()).toBe(0);
  });
});

describe('a bucket that cannot serve', () => {
  let server: S3Server;
  const of = (bucket: string): Promise<ArtifactStore> =>
    openArtifactStore({
      ...{ artifactStore: 's3', artifactsDir: '', s3Bucket: bucket, s3Region: null },
      ...{ s3Endpoint: server.endpoint, s3Prefix: null, s3PathStyle: true, s3TimeoutSeconds: 1 },
    });

  beforeEach(async () => {
    server = await S3Server.start();
    process.env['AWS_ACCESS_KEY_ID'] = server.env['AWS_ACCESS_KEY_ID'];
    process.env['AWS_SECRET_ACCESS_KEY'] = server.env['AWS_SECRET_ACCESS_KEY'];
  });
  afterEach(() => server.remove());

  it('is told as an outage, by a cause, also in the middle of a write', async () => {
    const store = await of(server.bucket);
    await store.write(ref, source('x'), limits);
    await server.stop();
    const away = { code: 'ARTIFACT_STORE_UNAVAILABLE', why: 'unreachable' };
    await expect(store.probe()).rejects.toMatchObject(away);
    await expect(store.open(ref)).rejects.toMatchObject(away);
    await expect(store.stat(ref)).rejects.toMatchObject(away);
    await expect(store.write(ref, source('y'), limits)).rejects.toMatchObject(away);
  });

  it('is told apart: not there, and closed to us', async () => {
    await expect((await of('no-such-bucket')).probe()).rejects.toMatchObject({ why: 'missing' });
    process.env['AWS_ACCESS_KEY_ID'] = 'somebody-else';
    await expect((await of(server.bucket)).probe()).rejects.toMatchObject({ why: 'access_denied' });
    await server.stop();
  });
});
