import type { Instant } from '#database';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { isObject, type Json } from '../format/json.js';
import type { LegacyArtifact, LegacyJob } from '../format/legacy-job.js';
import { parseJson } from '../format/parse-json.js';
import type { ArtifactRow } from '../rows/job-rows.js';
import { toArtifactRows } from '../rows/artifact-rows.js';
import { isSafePath } from '../tree/names.js';

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** The manifest of a job's inputs and the files that it names: older releases did not list them as artifacts. */
export function inputFiles(job: LegacyJob, folder: string, fileTime: Instant): ArtifactRow[] {
  const path = job.inputs?.manifest_rel_path ?? null;
  if (path === null) return [];
  const files: LegacyArtifact[] = [
    { kind: 'inputs.manifest', rel_path: path },
    ...datasetsIn(manifestOf(folder, path)).map((rel_path) => ({ kind: 'inputs.dataset', rel_path })),
  ];
  const { rows } = toArtifactRows({ ...job, artifacts_index: files, runs: [] }, [], fileTime);
  // They stand in no list of the document.
  return rows.map((row) => ({ ...row, legacy: [] }));
}

/** Both shapes of the manifest; the legacy reader never looks at its version. */
function datasetsIn(manifest: Json): string[] {
  if (!isObject(manifest)) return [];
  const { datasets, primary_dataset: primary } = manifest;
  const entries = Array.isArray(datasets) ? datasets : [primary ?? null];
  return entries
    .map((entry) => (isObject(entry) ? entry['rel_path'] : null))
    .filter((path): path is string => typeof path === 'string' && isSafePath(path));
}

function manifestOf(folder: string, path: string): Json {
  try {
    const file = realpathSync(join(folder, path));
    if (!file.startsWith(realpathSync(folder) + sep)) return null;
    const stats = statSync(file);
    if (!stats.isFile() || stats.size > MAX_MANIFEST_BYTES) return null;
    return parseJson(readFileSync(file, 'utf8')).value;
  } catch {
    return null;
  }
}
