import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedServerFailed } from './embedded-server-failed.js';
import { identify, isLiving, type LivingProcess } from './living-process.js';

const POLL_MS = 50;
const WAIT_MS = 120_000;
/** A file that its maker has not filled after this time was left by a crash between the two. */
const EMPTY_IS_STALE_MS = 5_000;

/** Runs the work while no other process (and no other caller of this one) holds the same lock file. */
export async function withFolderLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  await take(file);
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file: string): Promise<void> {
  const mine = JSON.stringify(identify(process.pid));
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    try {
      await writeFile(file, mine, { flag: 'wx', mode: 0o600 });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    await breakWhenStale(file);
    if (Date.now() > deadline) {
      throw new EmbeddedServerFailed(`Another program has held ${file} for ${WAIT_MS / 1000} seconds.`);
    }
    await sleep(POLL_MS);
  }
}

/**
 * The file is moved aside before it is removed, and read again there: of two that saw the same dead holder,
 * the second would otherwise remove the lock that the first has just taken.
 */
async function breakWhenStale(file: string): Promise<void> {
  const seen = await readIfThere(file);
  if (seen === null || !(await isStale(file, seen))) return;
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch {
    return; // somebody else was faster
  }
  if ((await readIfThere(aside)) === seen) await rm(aside, { force: true });
  else await rename(aside, file);
}

async function isStale(file: string, content: string): Promise<boolean> {
  if (content === '') {
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
    return Date.now() - mtimeMs > EMPTY_IS_STALE_MS;
  }
  try {
    // Written by take() above, so it has this shape; anything else fails in isLiving or in the parser.
    return !isLiving(JSON.parse(content) as LivingProcess);
  } catch {
    return true;
  }
}

async function readIfThere(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch(() => null);
}
