import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobPlace } from './artifact-store.js';
import { decodeSegment, isHashed } from './path-segment.js';

/** Where the id lies that a hashed folder name does not tell. */
export const ID_FILE = '~id.json';

/**
 * Walks the folders of all jobs, one after the other. Only those that the store would make: `placeOf` says where a job
 * belongs, and a folder that somebody put elsewhere, or named so that it stands for no id, is nobody's job.
 */
export async function* jobFolders(
  root: string,
  placeOf: (job: JobPlace) => string,
): AsyncGenerator<JobPlace> {
  for (const tenant of await foldersIn(root)) {
    const tenantId = await idOf(join(root, tenant), tenant);
    if (tenantId === null) continue;
    for (const shard of await foldersIn(join(root, tenant))) {
      for (const name of await foldersIn(join(root, tenant, shard))) {
        const folder = join(root, tenant, shard, name);
        const jobId = await idOf(folder, name);
        if (jobId !== null && isPlace(folder, { tenantId, jobId }, placeOf)) yield { tenantId, jobId };
      }
    }
  }
}

/** At once, not entry by entry: shards keep folders small, and a call for each costs more than the names take. */
async function foldersIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    // Gone while it was walked: whoever removes folders is not in the way.
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
    if (code === 'ENOENT') return [];
    throw error;
  }
}

async function idOf(folder: string, name: string): Promise<string | null> {
  try {
    if (!isHashed(name)) return decodeSegment(name);
    const id: unknown = JSON.parse(await readFile(join(folder, ID_FILE), 'utf8'));
    return typeof id === 'string' ? id : null;
  } catch {
    // No name that the store gives, or no file that tells it: not a job's.
    return null;
  }
}

function isPlace(folder: string, job: JobPlace, placeOf: (job: JobPlace) => string): boolean {
  try {
    return placeOf(job) === folder;
  } catch {
    return false;
  }
}
