import { createHash, type KeyObject } from 'node:crypto';
import { archiveLines, sha256OfFile } from './archive-lines.js';
import {
  type ArchivedCheckpoint,
  type ArchivedSegment,
  type ArchiveManifest,
  isManifestLine,
  isManifestSignedBy,
  readManifest,
  type SignedManifest,
} from './archive-manifest.js';
import { columnOf, sealedTextOf } from './archived-row.js';
import { AuditArchiveInvalid } from './audit-refusals.js';
import { isSignedBy } from './checkpoint.js';
import { DIGEST_BYTES, digestOf, digestsWithout } from './row-digests.js';
import { segmentHash } from './segment.js';

export interface ProvenArchive {
  manifest: ArchiveManifest;
  /** Of the file as it lies there. */
  sha256: string;
}

/** The rows of a file, as its lines tell. */
interface Content {
  signed: SignedManifest;
  rows: number;
  digests: Buffer;
  firstEventId: number | null;
  lastEventId: number | null;
  contentSha256: string;
}

/**
 * Proves an archive from its lines alone: each row makes its digest, the digests make the segments, the segments are a
 * chain, and the manifest is signed. Throws `AUDIT_ARCHIVE_INVALID` with the first fault. Without a key, signatures are
 * not looked at.
 */
export async function verifyArchive(path: string, publicKey: KeyObject | null): Promise<ProvenArchive> {
  const content = await readContent(path);
  const { signed } = content;
  const { manifest } = signed;
  if (publicKey && !isManifestSignedBy(signed, publicKey)) throw fault('its manifest is not signed by the key.');
  if (content.rows !== manifest.rows) {
    throw fault(`it has ${String(content.rows)} rows, and its manifest speaks of ${String(manifest.rows)}.`);
  }
  if (content.firstEventId !== manifest.first_event_id || content.lastEventId !== manifest.last_event_id) {
    throw fault('its first or last row is not the one that its manifest names.');
  }
  proveSegments(manifest.segments, content.digests);
  if (content.contentSha256 !== manifest.content_sha256) throw fault('its rows do not have the hash of its manifest.');
  if (manifest.checkpoint) proveCheckpoint(manifest.checkpoint, manifest.segments, publicKey);
  return { manifest, sha256: await sha256OfFile(path) };
}

async function readContent(path: string): Promise<Content> {
  const hash = createHash('sha256');
  const digests: Buffer[] = [];
  let signed: SignedManifest | null = null;
  let first: string | null = null;
  let last: string | null = null;
  for await (const line of archiveLines(path)) {
    const place = { line: digests.length + 1 };
    if (signed) throw fault('there are lines behind its manifest.');
    if (isManifestLine(line)) {
      signed = readManifest(line);
      continue;
    }
    last = sealedTextOf(line);
    if (last === null) throw fault('a line is not what was written for its row.', place);
    first ??= last;
    hash.update(line).update('\n');
    digests.push(digestOf(last));
  }
  if (!signed) throw fault('it ends without its manifest.');
  return {
    signed,
    rows: digests.length,
    digests: Buffer.concat(digests),
    firstEventId: eventId(first),
    lastEventId: eventId(last),
    contentSha256: hash.digest('hex'),
  };
}

function eventId(sealedText: string | null): number | null {
  return sealedText === null ? null : Number(columnOf(sealedText, 'event_id'));
}

/** The segments take all digests, in their order, and each follows from the one before it. */
function proveSegments(segments: readonly ArchivedSegment[], digests: Buffer): void {
  let at = 0;
  let previous: ArchivedSegment | null = null;
  for (const segment of segments) {
    const mine = digests.subarray(at, at + segment.rows * DIGEST_BYTES);
    at += segment.rows * DIGEST_BYTES;
    const follows =
      !previous ||
      (segment.segment_no === previous.segment_no + 1 &&
        segment.after_event_id === previous.to_event_id &&
        segment.previous_hash === previous.segment_hash);
    const place = { segment_no: segment.segment_no };
    if (!follows) throw fault('a segment does not follow from the one before it.', place);
    if (!isProven(segment, mine)) throw fault('the rows of a segment are not those that were sealed.', place);
    previous = segment;
  }
  if (at !== digests.length) throw fault('it has rows that no segment of its manifest holds.');
}

function isProven(segment: ArchivedSegment, mine: Buffer): boolean {
  const all = segment.row_digests === null ? mine : Buffer.from(segment.row_digests, 'base64');
  const content = {
    segmentNo: segment.segment_no,
    afterEventId: segment.after_event_id,
    toEventId: segment.to_event_id,
    rowCount: segment.row_count,
    rowDigests: all,
    previousHash: Buffer.from(segment.previous_hash, 'hex'),
  };
  return (
    all.length === segment.row_count * DIGEST_BYTES &&
    digestsWithout(all, mine) !== null &&
    segmentHash(content).toString('hex') === segment.segment_hash
  );
}

function proveCheckpoint(
  checkpoint: ArchivedCheckpoint,
  segments: readonly ArchivedSegment[],
  publicKey: KeyObject | null,
): void {
  const segment = segments.find(({ segment_no }) => segment_no === checkpoint.segment_no);
  if (segment?.segment_hash !== checkpoint.segment_hash) throw fault('its checkpoint speaks of another chain.');
  const signed = {
    segmentNo: checkpoint.segment_no,
    segmentHash: Buffer.from(checkpoint.segment_hash, 'hex'),
    keyId: checkpoint.key_id,
    signature: Buffer.from(checkpoint.signature, 'base64'),
  };
  if (publicKey && !isSignedBy(signed, publicKey)) throw fault('its checkpoint is not signed by the key.');
}

function fault(detail: string, facts: Readonly<Record<string, unknown>> = {}): AuditArchiveInvalid {
  return new AuditArchiveInvalid(detail, facts);
}
