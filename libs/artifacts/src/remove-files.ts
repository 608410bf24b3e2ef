import type { Dirent } from 'node:fs';
import { lstat, opendir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Removed } from './artifact-store.js';

/**
 * Removes the files in a folder and below it, and the folders that are empty then. Links are removed, never followed.
 * With `before`, only what nobody has touched since: by the time of the last change of the file's entry, which a rename
 * and a second name set too, and which nobody can set back.
 */
export async function removeFiles(folder: string, before: Date | null): Promise<Removed> {
  const removed = { files: 0, bytes: 0 };
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    const inside = entry.isDirectory() ? await removeFiles(path, before) : await removeFile(path, before);
    removed.files += inside.files;
    removed.bytes += inside.bytes;
  }
  await rmdir(folder).catch(expect('ENOTEMPTY', 'EEXIST', 'ENOENT'));
  return removed;
}

async function removeFile(path: string, before: Date | null): Promise<Removed> {
  try {
    const { size, ctime } = await lstat(path);
    if (before !== null && ctime >= before) return { files: 0, bytes: 0 };
    await unlink(path);
    return { files: 1, bytes: size };
  } catch (error) {
    expect('ENOENT')(error);
    return { files: 0, bytes: 0 };
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries: Dirent[] = [];
  try {
    for await (const entry of await opendir(folder)) entries.push(entry);
  } catch (error) {
    expect('ENOENT')(error);
  }
  return entries;
}

/** Takes these faults for what may happen beside others who work in the folder; any other goes on. */
function expect(...codes: string[]): (error: unknown) => void {
  return (error) => {
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
    if (!codes.includes(code)) throw error;
  };
}
