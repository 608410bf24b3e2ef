import type { Instant } from '#database';
import { createHash } from 'node:crypto';
import { readInstant } from '../format/instant-text.js';
import type { Json } from '../format/json.js';
import type { LegacyArtifact, LegacyJob } from '../format/legacy-job.js';
import type { ArtifactRow, RunRow } from './job-rows.js';

/** As long as an artifact's path may be in the table; a longer one stays in the job's `legacy`. */
const MAX_PATH_CHARS = 512;
/** Paths that the store can use as they are. */
const PLAIN_PATH = /^(?!~)[^/\\\p{Cc}]{1,60}(?:\/(?!~)[^/\\\p{Cc}]{1,60})*$/u;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  do: 'text/plain',
  json: 'application/json',
  log: 'text/plain',
  md: 'text/markdown',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain',
};

export interface ArtifactRows {
  rows: ArtifactRow[];
  /** Entries that no row can hold, each with its place in the list. */
  rest: Json[];
}

/** A row for each file that the job or one of its runs lists. What is known of the bytes is found out later. */
export function toArtifactRows(job: LegacyJob, runs: readonly RunRow[], fileTime: Instant): ArtifactRows {
  const rows = new Map<string, ArtifactRow>();
  const rest: Json[] = [];
  const rowOf = (artifact: LegacyArtifact): ArtifactRow | null => {
    if (artifact.rel_path.length > MAX_PATH_CHARS) return null;
    const row = rows.get(artifact.rel_path) ?? newRow(artifact, fileTime);
    rows.set(artifact.rel_path, row);
    return row;
  };
  job.artifacts_index.forEach((artifact, place) => {
    const entry: Json[] = [place, artifact];
    (rowOf(artifact)?.legacy ?? rest).push(entry);
  });
  job.runs.forEach((run, index) => {
    for (const artifact of run.artifacts) {
      const row = rowOf(artifact);
      if (row) row.run_id = runs[index]?.run_id ?? null;
    }
  });
  return { rows: [...rows.values()], rest };
}

function newRow(artifact: LegacyArtifact, fileTime: Instant): ArtifactRow {
  const { kind, rel_path, created_at: written } = artifact;
  const read = typeof written === 'string' ? readInstant(written) : null;
  return {
    rel_path,
    kind,
    content_type:
      CONTENT_TYPES[/\.(\w+)$/.exec(rel_path)?.[1]?.toLowerCase() ?? ''] ?? 'application/octet-stream',
    bytes: null,
    sha256: null,
    storage_name: storageNameOf(rel_path),
    run_id: null,
    created_at: read?.instant ?? fileTime,
    legacy: [],
  };
}

function storageNameOf(path: string): string {
  const isPlain = PLAIN_PATH.test(path) && !path.split('/').some((name) => name === '.' || name === '..');
  return isPlain ? `legacy/${path}` : `legacy-odd/${createHash('sha256').update(path).digest('hex')}`;
}
