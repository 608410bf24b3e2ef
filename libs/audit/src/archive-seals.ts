import type { Database, Scope, Tx } from '#database';
import type { ProvenArchive } from './archive-proof.js';
import { AuditArchiveInvalid } from './audit-refusals.js';

export interface ArchiveStanding {
  /** The rows are in the archive alone: the month was dropped. */
  isRetired: boolean;
}

const SEALED_HASHES = `
  SELECT segment_no AS "segmentNo", encode(segment_hash, 'hex') AS hash
  FROM audit_segment
  WHERE segment_no BETWEEN $1 AND $2`;

const FIND_RECORD = `
  SELECT archive_sha256 AS "archiveSha256" FROM audit_retirement WHERE month = to_date($1, 'YYYY-MM')`;

/**
 * Compares a proven archive with the seals in the database, and with the record of the month where it was dropped. Throws
 * `AUDIT_ARCHIVE_INVALID` with the first difference.
 */
export async function compareWithSeals(
  database: Database,
  scope: Scope,
  { manifest, sha256 }: ProvenArchive,
): Promise<ArchiveStanding> {
  return database.acrossTenants(scope, async (tx) => {
    const sealed = await sealedHashes(tx, manifest.segments);
    for (const { segment_no, segment_hash } of manifest.segments) {
      if (sealed.get(segment_no) === segment_hash) continue;
      throw new AuditArchiveInvalid('a segment of it is not the one that this database has.', { segment_no });
    }
    const [record] = await tx.query<{ archiveSha256: string | null }>(FIND_RECORD, [manifest.month]);
    // A month may have been dropped with no file, and be archived from elsewhere: its seals are what counts then.
    if (record?.archiveSha256 && record.archiveSha256 !== sha256) {
      throw new AuditArchiveInvalid('it is not the file that was written when the month was dropped.', { sha256 });
    }
    return { isRetired: record !== undefined };
  });
}

async function sealedHashes(tx: Tx, segments: readonly { segment_no: number }[]): Promise<Map<number, string>> {
  const [first, last] = [segments.at(0)?.segment_no ?? 0, segments.at(-1)?.segment_no ?? 0];
  const rows = await tx.query<{ segmentNo: number; hash: string }>(SEALED_HASHES, [first, last]);
  return new Map(rows.map((row) => [row.segmentNo, row.hash]));
}
