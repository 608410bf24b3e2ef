import { type Detail, Quarantined } from '../reasons.js';
import { readDocument } from '../read-document.js';
import type { JobRows } from '../rows/job-rows.js';
import { type RunningPolicy, toRows } from '../rows/to-rows.js';
import { type FileContent, readFileOf } from '../tree/read-file.js';
import type { FoundFile } from '../tree/walk.js';
import type { LegacyJob } from '../format/legacy-job.js';
import { type MigrationItem, quarantined, strictRefusal } from './item.js';

/** A file that was read; what it says is not looked at yet. */
export interface ReadFile {
  found: FoundFile;
  content: FileContent;
}

/** A job on its way into rows. */
export interface PreparedJob extends ReadFile {
  document: LegacyJob;
  rows: JobRows;
  details: Detail[];
  from: number;
  to: number;
  steps: string[];
  isRunnable: boolean;
}

/** Reads the file; null where there is none, an item where it cannot be taken in. */
export function read(found: FoundFile, root: string): ReadFile | MigrationItem | null {
  // What is behind these is not ours to read.
  if (found.fault && ['SYMLINK_ESCAPE', 'UNREADABLE'].includes(found.fault.reason)) {
    return quarantined(placeOf(found), found.fault);
  }
  try {
    const content = readFileOf(found.absolutePath, root);
    if (content === null) {
      // A folder whose name is no UTF-8 cannot be opened by it.
      return found.jobId.includes('\ufffd')
        ? quarantined(placeOf(found), new Quarantined('JOB_ID_UNSAFE'))
        : null;
    }
    if (found.fault) return quarantined(placeOf(found), found.fault, knownOf(content));
    return { found, content };
  } catch (error) {
    if (error instanceof Quarantined) return quarantined(placeOf(found), found.fault ?? error);
    throw error;
  }
}

/** Decodes, lifts, checks and maps what was read; an item where it cannot be taken in. */
export function prepare(
  file: ReadFile,
  options: { strict: boolean; running: RunningPolicy },
): PreparedJob | MigrationItem {
  const { found, content } = file;
  try {
    const document = readDocument(content.bytes, found);
    const mapped = toRows(document.job, content.time, options.running);
    const details = [
      ...(found.isMisplaced ? [{ reason: 'SHARD_MISPLACED' } as const] : []),
      ...document.repairs,
      ...mapped.repairs,
    ];
    const refusal = options.strict ? strictRefusal(details) : null;
    if (refusal) throw new Quarantined(refusal);
    const { job, from, to, steps } = document;
    return {
      ...file,
      document: job,
      rows: mapped.rows,
      details,
      from,
      to,
      steps,
      isRunnable: mapped.isRunnable,
    };
  } catch (error) {
    if (error instanceof Quarantined) return quarantined(placeOf(found), error, knownOf(content));
    throw error;
  }
}

export function isItem(value: ReadFile | PreparedJob | MigrationItem): value is MigrationItem {
  return 'outcome' in value;
}

export function placeOf({
  path,
  tenantId,
  jobId,
}: FoundFile): Pick<MigrationItem, 'path' | 'tenant_id' | 'job_id'> {
  return { path, tenant_id: tenantId, job_id: jobId };
}

export function knownOf(content: FileContent): Pick<MigrationItem, 'sha256' | 'bytes'> {
  return { sha256: content.sha256, bytes: content.bytes.length };
}
