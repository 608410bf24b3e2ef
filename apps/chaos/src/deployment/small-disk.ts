import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CHUNK = Buffer.alloc(1024 ** 2, 1);
const PAGE = Buffer.alloc(4_096, 1);

/** A disk of its own in memory, small enough to be filled. Unmounted with this program whatever happens. */
export class SmallDisk {
  private isMounted = true;

  private constructor(readonly folder: string) {
    process.on('exit', this.unmountNow);
  }

  static async mount(folder: string, mib: number): Promise<SmallDisk> {
    await mkdir(folder, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', `size=${String(mib)}m,mode=755`, 'ss-chaos', folder]);
    return new SmallDisk(folder);
  }

  /** Why there can be none here; null: there can. */
  static async lack(): Promise<string | null> {
    if (process.getuid?.() !== 0) return 'needs root, to mount a small disk in memory (tmpfs)';
    const folder = await mkdtemp(join(tmpdir(), 'ss-chaos-mount-'));
    try {
      const disk = await SmallDisk.mount(folder, 1);
      await disk.unmount();
      return null;
    } catch {
      return 'a small disk in memory (tmpfs) cannot be mounted here';
    } finally {
      await rmdir(folder).catch(() => undefined);
    }
  }

  /** Writes until not a byte more fits. Answers how many there were. */
  async fill(): Promise<number> {
    const file = await open(join(this.folder, 'filling'), 'a');
    let bytes = 0;
    try {
      for (const piece of [CHUNK, PAGE]) {
        for (;;) {
          const written = await file.write(piece).catch(() => null);
          if (written === null || written.bytesWritten === 0) break;
          bytes += written.bytesWritten;
        }
      }
    } finally {
      await file.close();
    }
    return bytes;
  }

  async free(): Promise<void> {
    await rm(join(this.folder, 'filling'), { force: true });
  }

  async unmount(): Promise<void> {
    if (!this.isMounted) return;
    await run('umount', [this.folder]).catch(() => run('umount', ['-l', this.folder]));
    this.isMounted = false;
    process.off('exit', this.unmountNow);
  }

  private readonly unmountNow = (): void => {
    if (this.isMounted) execFileSync('umount', ['-l', this.folder], { stdio: 'ignore' });
  };
}
