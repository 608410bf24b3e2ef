import type { Instant } from '#database';
import { DATASET_ROLES } from '#jobs';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { readInstant } from '../format/instant-text.js';
import { isObject, type Json, type JsonObject } from '../format/json.js';
import type { LegacyArtifact, LegacyJob } from '../format/legacy-job.js';
import { parseJson } from '../format/parse-json.js';
import type { ArtifactRow, DatasetRow } from '../rows/job-rows.js';
import { toArtifactRows } from '../rows/artifact-rows.js';
import { isSafePath } from '../tree/names.js';

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** The formats of the legacy service that this release reads, too: .xls and .dta are kept as files only. */
const FORMATS: Readonly<Record<string, string>> = { csv: 'csv', xlsx: 'xlsx' };

/** What the manifest of a job's inputs names. Older releases did not list these files as artifacts. */
/** An entry of the manifest, as far as it is known. */
type Entry = JsonObject & { rel_path: string };

export interface Inputs {
  files: ArtifactRow[];
  entries: Entry[];
}

export function readInputs(job: LegacyJob, folder: string, fileTime: Instant): Inputs {
  const path = job.inputs?.manifest_rel_path ?? null;
  if (path === null) return { files: [], entries: [] };
  const entries = entriesOf(manifestOf(folder, path));
  const listed: LegacyArtifact[] = [
    { kind: 'inputs.manifest', rel_path: path },
    ...entries.map((entry) => ({ kind: 'inputs.dataset', rel_path: entry.rel_path })),
  ];
  const { rows } = toArtifactRows({ ...job, artifacts_index: listed, runs: [] }, [], fileTime);
  // They stand in no list of the document.
  return { files: rows.map((row) => ({ ...row, legacy: [] })), entries };
}

/** The datasets among the files that were brought in. */
export function datasetsOf(
  entries: readonly Entry[],
  files: readonly ArtifactRow[],
  fileTime: Instant,
): DatasetRow[] {
  const datasets = new Map<string, DatasetRow>();
  for (const entry of entries) {
    const file = files.find((artifact) => artifact.rel_path === entry.rel_path);
    const dataset = file ? datasetOf(entry, file, fileTime) : null;
    const isSecondPrimary =
      dataset?.role === 'primary_dataset' && [...datasets.values()].some(({ role }) => role === dataset.role);
    if (dataset && !isSecondPrimary) datasets.set(dataset.dataset_key, dataset);
  }
  return [...datasets.values()];
}

/** The manifest has the hash of what was uploaded; other bytes are another dataset. */
export function isAsListed(entry: JsonObject, file: Pick<ArtifactRow, 'sha256'>): boolean {
  return file.sha256 === null || typeof entry['sha256'] !== 'string' || entry['sha256'] === file.sha256;
}

function datasetOf(entry: JsonObject, file: ArtifactRow, fileTime: Instant): DatasetRow | null {
  const format = FORMATS[/\.(\w+)$/.exec(file.rel_path)?.[1]?.toLowerCase() ?? ''];
  const key = entry['dataset_key'] ?? 'primary';
  const role = DATASET_ROLES.find((known) => known === (entry['role'] ?? 'primary_dataset'));
  const isKey = typeof key === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(key);
  if (!format || !isKey || !role) return null;
  if (file.bytes === null || file.sha256 === null || !isAsListed(entry, file)) return null;
  const { original_name: name, uploaded_at: uploaded } = entry;
  return {
    dataset_key: key,
    role,
    original_name: typeof name === 'string' ? name : file.rel_path,
    format,
    bytes: file.bytes,
    sha256: file.sha256,
    storage_name: file.storage_name,
    uploaded_at: (typeof uploaded === 'string' ? readInstant(uploaded)?.instant : null) ?? fileTime,
  };
}

/** Both shapes of the manifest; the legacy reader never looks at its version. */
function entriesOf(manifest: Json): Entry[] {
  if (!isObject(manifest)) return [];
  const { datasets, primary_dataset: primary } = manifest;
  return (Array.isArray(datasets) ? datasets : [primary ?? null]).filter(
    (entry): entry is Entry =>
      isObject(entry) && typeof entry['rel_path'] === 'string' && isSafePath(entry['rel_path']),
  );
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
