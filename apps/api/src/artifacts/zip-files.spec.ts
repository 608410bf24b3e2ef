import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { type ZippedFile, zipOf } from './zip-files.js';

const run = promisify(execFile);
const changedAt = new Date('2026-11-23T12:00:00Z');

const file = (name: string, content: string | Buffer): ZippedFile => ({
  name,
  bytes: Buffer.byteLength(content),
  changedAt,
  open: () => Promise.resolve(Readable.from([Buffer.from(content)])),
});

async function unzipped<T>(zip: Buffer, look: (folder: string, archive: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'ss-zip-'));
  try {
    const archive = join(folder, 'all.zip');
    await writeFile(archive, zip);
    await run('python3', ['-m', 'zipfile', '-t', archive]);
    await run('python3', ['-m', 'zipfile', '-e', archive, join(folder, 'out')]);
    return await look(join(folder, 'out'), archive);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('an archive of all artifacts', () => {
  it('holds every file as it is, under its path', async () => {
    const contents = {
      'plan.json': '{}',
      'tables/means.csv': 'a,b\n'.repeat(50_000),
      'tables/means.parquet': Buffer.from(Array.from({ length: 70_000 }, (_, n) => n % 251)),
      'outputs/données 🐧.txt': 'ünï',
      'logs/empty.txt': '',
    };
    const zip = await buffer(zipOf(Object.entries(contents).map(([name, content]) => file(name, content))));
    expect(zip.length).toBeLessThan(100_000);
    await unzipped(zip, async (folder) => {
      for (const [name, content] of Object.entries(contents)) {
        expect((await readFile(join(folder, name))).equals(Buffer.from(content))).toBe(true);
      }
    });
  });

  it('is an archive also without any file', async () => {
    expect((await buffer(zipOf([]))).subarray(0, 4)).toEqual(Buffer.from('PK\x05\x06'));
  });

  it('takes the form of 64 bits where the files may not fit the old one', async () => {
    const claimed = { ...file('large.csv', 'small in truth'), bytes: 5 * 1024 ** 3 };
    const zip = await buffer(zipOf([claimed]));
    expect(zip.toString('latin1')).toContain('PK\x06\x06');
    expect(await unzipped(zip, (folder) => readFile(join(folder, 'large.csv'), 'utf8'))).toBe(
      'small in truth',
    );
  });

  it('reads no further than its reader, and lets go of the file when the reader leaves', async () => {
    let given = 0;
    async function* noise(): AsyncGenerator<Buffer> {
      for (;;) {
        given += 65_536;
        yield await Promise.resolve(Buffer.alloc(65_536, given % 256));
      }
    }
    const content = Readable.from(noise());
    let opened = 0;
    const open = (): Promise<Readable> => {
      opened += 1;
      return Promise.resolve(content);
    };
    const endless = { name: 'noise.png', bytes: 1, changedAt, open };
    const zip = zipOf([endless, endless]);
    await once(zip, 'readable');
    zip.read(10);
    // Nothing more is to come: several turns of the loop are enough for a stream that would not stop.
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(given).toBeLessThan(2_000_000);
    zip.destroy();
    await once(content, 'close');
    expect(opened).toBe(1);
  });

  it('breaks off when a file cannot be read', async () => {
    const broken = new Readable({
      read() {
        this.destroy(new Error('the disk is gone'));
      },
    });
    const zip = zipOf([file('a.txt', 'a'), { ...file('b.txt', ''), open: () => Promise.resolve(broken) }]);
    await expect(buffer(zip)).rejects.toThrow('the disk is gone');
    const missing = { ...file('c.txt', ''), open: () => Promise.reject(new Error('no such file')) };
    await expect(buffer(zipOf([missing]))).rejects.toThrow('no such file');
  });
});
