import { ArtifactPathUnsafe, type ArtifactStore, FolderArtifactStore } from '#artifacts';
import { constants } from 'node:fs';
import { lstat, open, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { Detail } from '../reasons.js';
import type { ArtifactRow } from '../rows/job-rows.js';
import type { ArtifactPolicy } from './batch-options.js';
import { datasetsOf, isAsListed, readInputs } from './input-files.js';
import type { PreparedJob } from './prepare.js';

const MAX_FILE_BYTES = 64 * 1024 ** 3;

/**
 * Brings the files that a job lists into the artifact store, and notes size and hash in their rows. A file that is
 * not there stays listed, and is a repair. Answers the job with what was found out. Without a store it only looks.
 */
export async function copyFiles(
  job: PreparedJob,
  store: ArtifactStore | null,
  policy: ArtifactPolicy,
): Promise<PreparedJob> {
  if (policy === 'skip') return job;
  const folder = dirname(job.found.absolutePath);
  const inputs = readInputs(job.document, folder, job.content.time);
  const listed = new Set(job.rows.artifacts.map((artifact) => artifact.rel_path));
  const all = [...job.rows.artifacts, ...inputs.files.filter((input) => !listed.has(input.rel_path))];
  const details: Detail[] = [];
  const artifacts: ArtifactRow[] = [];
  for (const artifact of all) {
    const known = await bringIn(job, artifact, folder, store, policy);
    if (known === null) details.push({ reason: 'ARTIFACT_MISSING', pointer: placeOf(artifact) });
    artifacts.push(known ? { ...artifact, ...known } : artifact);
  }
  for (const entry of inputs.entries) {
    const file = artifacts.find((artifact) => artifact.rel_path === entry.rel_path);
    if (!file || isAsListed(entry, file)) continue;
    details.push({
      reason: 'ARTIFACT_MISSING',
      detail: 'a file of the inputs has other bytes than its manifest says',
    });
  }
  const datasets = datasetsOf(inputs.entries, artifacts, job.content.time);
  return { ...job, rows: { ...job.rows, artifacts, datasets }, details: [...job.details, ...details] };
}

/** What is known of the file in the store; null when the tree does not have it. */
async function bringIn(
  { found }: PreparedJob,
  artifact: ArtifactRow,
  folder: string,
  store: ArtifactStore | null,
  policy: 'copy' | 'link',
): Promise<Partial<ArtifactRow> | null> {
  const source = await sourceOf(folder, artifact.rel_path);
  if (source === null) return null;
  if (store === null) return {};
  const ref = { tenantId: found.tenantId, jobId: found.jobId, storageName: artifact.storage_name };
  try {
    if (policy === 'link' && store instanceof FolderArtifactStore) return await store.adopt(ref, source.path);
    const handle = await open(source.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const written = await store.write(ref, handle.createReadStream(), { maxBytes: MAX_FILE_BYTES });
    if (written.bytes !== source.bytes)
      throw new Error(`${found.path}: a file of the job changed while it was copied`);
    return written;
  } catch (error) {
    // A name that the store cannot carry: it is as good as not there.
    if (error instanceof ArtifactPathUnsafe) return null;
    throw error;
  }
}

/** The file in the job's folder; never one that a link leads to outside of it. */
async function sourceOf(folder: string, relPath: string): Promise<{ path: string; bytes: number } | null> {
  if (relPath.includes('\0')) return null;
  try {
    const [bounds, path] = await Promise.all([realpath(folder), realpath(join(folder, relPath))]);
    if (!path.startsWith(bounds + sep)) return null;
    const stats = await lstat(path);
    return stats.isFile() ? { path, bytes: stats.size } : null;
  } catch {
    return null;
  }
}

/** Where the job lists the file. */
function placeOf(artifact: ArtifactRow): string {
  const [first] = artifact.legacy;
  const place = Array.isArray(first) ? first[0] : null;
  return typeof place === 'number' ? `/artifacts_index/${place}` : '';
}
