import { decode } from '../format/decode.js';
import { readInstant } from '../format/instant-text.js';
import { Quarantined } from '../reasons.js';
import { readFileOf } from '../tree/read-file.js';
import { isSafeJobId } from '../tree/names.js';
import type { FoundRecord } from './walk-records.js';

export interface ReadRecord {
  found: FoundRecord;
  /** Whose work it is; null: the record says nothing that can be used. */
  jobId: string | null;
  fault: string | null;
  sha256: string | null;
  bytes: number | null;
}

/** Reads a record, and never fails: one malformed record stopped every worker of the legacy service. Null: it is gone. */
export function readRecord(found: FoundRecord, queue: string): ReadRecord | null {
  const invalid = { found, jobId: null, sha256: null, bytes: null };
  if (!found.hasSafeTenant) return { ...invalid, fault: 'the name of its folder cannot be a tenant_id' };
  try {
    const content = readFileOf(found.absolutePath, queue);
    if (content === null) return null;
    const known = { sha256: content.sha256, bytes: content.bytes.length };
    try {
      return { found, ...known, jobId: jobIdOf(found, content.bytes), fault: null };
    } catch (error) {
      if (!(error instanceof Quarantined)) throw error;
      return { ...invalid, ...known, fault: error.details[0]?.detail ?? error.message };
    }
  } catch (error) {
    if (error instanceof Quarantined) return { ...invalid, fault: error.message };
    throw error;
  }
}

/** The name of the file decides, but for a claim: there the legacy worker goes by what stands in it. */
function jobIdOf(found: FoundRecord, bytes: Uint8Array): string {
  const { document, repairs } = decode(bytes);
  if (repairs.length > 0) throw invalidRecord('it is not plain JSON');
  if (!found.isClaimed || found.path.endsWith('.tmp')) return found.jobId;
  const { job_id: jobId, lease_expires_at: lease } = document;
  if (typeof jobId !== 'string' || !isSafeJobId(jobId)) throw invalidRecord('job_id is missing or unsafe');
  const until = typeof lease === 'string' ? readInstant(lease) : null;
  if (!until || until.naive) throw invalidRecord('lease_expires_at is no instant with a time zone');
  return jobId;
}

function invalidRecord(detail: string): Quarantined {
  return new Quarantined('DOCUMENT_INVALID', [{ detail }]);
}
