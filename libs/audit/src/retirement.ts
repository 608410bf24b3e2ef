import { createHash } from 'node:crypto';
import type { AuditMonth } from './audit-month.js';

/** The rows of one segment that went with a month; `rowDigests` is null where all rows of it went. */
export interface RetiredRows {
  segmentNo: number;
  rowCount: number;
  rowDigests: Buffer | null;
}

/** What is said of a month that was dropped, so that it can be told from rows that are missing. */
export interface Retirement {
  month: AuditMonth;
  rowCount: number;
  firstEventId: number | null;
  lastEventId: number | null;
  archiveName: string | null;
  archiveSha256: string | null;
  parts: readonly RetiredRows[];
}

/** SHA-256 over one line of JSON: the fields in their order, and of each segment its number, how many rows, and which. */
export function retirementHash(retirement: Retirement): Buffer {
  const { month, rowCount, firstEventId, lastEventId, archiveName, archiveSha256, parts } = retirement;
  const which = parts.map((part) => [part.segmentNo, part.rowCount, part.rowDigests && sha256(part.rowDigests)]);
  const fields = [month, rowCount, firstEventId, lastEventId, archiveName, archiveSha256, which];
  return createHash('sha256')
    .update(JSON.stringify(['ss-audit-retirement', 1, ...fields]))
    .digest();
}

/** The bytes that are signed. */
export function retirementStatement(hash: Buffer): Buffer {
  return Buffer.from(JSON.stringify(['ss-audit-retirement-record', 1, hash.toString('hex')]));
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
