import { createHash, type KeyObject } from 'node:crypto';
import { type AuditMonth, auditMonth } from './audit-month.js';
import { AuditArchiveInvalid } from './audit-refusals.js';
import { type CheckpointSigner, isStatementSignedBy } from './checkpoint.js';

/** A segment with rows in the archive: enough to recompute its hash from the lines. */
export interface ArchivedSegment {
  segment_no: number;
  after_event_id: number;
  to_event_id: number;
  /** Of the segment; `rows` of them are in this archive. */
  row_count: number;
  rows: number;
  previous_hash: string;
  segment_hash: string;
  /** Of all its rows, in base64, where some of them are of another month; else the lines tell. */
  row_digests: string | null;
}

export interface ArchivedCheckpoint {
  segment_no: number;
  segment_hash: string;
  key_id: string;
  signature: string;
}

/** The last line of an archive: what must be before it, and how to prove it. */
export interface ArchiveManifest {
  format: 'ss-audit-archive';
  version: 1;
  month: AuditMonth;
  rows: number;
  first_event_id: number | null;
  last_event_id: number | null;
  /** SHA-256 over the lines before, each with its newline. */
  content_sha256: string;
  /** Every one from the first that has rows of the month to the last, so that they are a chain. */
  segments: ArchivedSegment[];
  /** The last signed word on the chain that speaks of one of these segments. */
  checkpoint: ArchivedCheckpoint | null;
}

/** A manifest as it stands in the file, with who vouches for it. */
export interface SignedManifest {
  manifest: ArchiveManifest;
  keyId: string;
  signature: Buffer;
}

const BEGINNING = '{"manifest":';

/** The last line: the manifest, and the signature over its bytes. */
export function manifestLine(manifest: ArchiveManifest, signer: CheckpointSigner): string {
  return lineOf({ manifest, ...signer.signStatement(manifestStatement(manifest)) });
}

/** A line of rows begins with its number; the last line does not. */
export function isManifestLine(line: string): boolean {
  return line.startsWith(BEGINNING);
}

export function isManifestSignedBy(signed: SignedManifest, publicKey: KeyObject): boolean {
  return isStatementSignedBy(manifestStatement(signed.manifest), signed, publicKey);
}

/** Reads the last line. What is wrong in its figures comes out when they are compared. */
export function readManifest(line: string): SignedManifest {
  const read = tryParse(line);
  if (!isObject(read) || !isManifest(read['manifest'])) {
    throw new AuditArchiveInvalid('its last line is not the manifest of version 1.');
  }
  const { manifest, key_id: keyId, signature } = read;
  auditMonth(manifest.month);
  if (typeof keyId !== 'string' || typeof signature !== 'string') {
    throw new AuditArchiveInvalid('its manifest is not signed.');
  }
  const signed = { manifest, keyId, signature: Buffer.from(signature, 'base64') };
  // What is read must be all that there is: the signature is over the fields as they are written anew.
  if (lineOf(signed) !== line) throw new AuditArchiveInvalid('its last line is not as it was written.');
  return signed;
}

function lineOf({ manifest, keyId, signature }: SignedManifest): string {
  const vouching = `"key_id":${JSON.stringify(keyId)},"signature":${JSON.stringify(signature.toString('base64'))}`;
  return `${BEGINNING}${JSON.stringify(manifest)},${vouching}}`;
}

/** The bytes that are signed. */
function manifestStatement(manifest: ArchiveManifest): Buffer {
  const hash = createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
  return Buffer.from(JSON.stringify(['ss-audit-archive-manifest', 1, hash]));
}

function tryParse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isManifest(value: unknown): value is ArchiveManifest {
  return (
    isObject(value) &&
    value['format'] === 'ss-audit-archive' &&
    value['version'] === 1 &&
    typeof value['month'] === 'string' &&
    typeof value['content_sha256'] === 'string' &&
    Number.isSafeInteger(value['rows']) &&
    ['first_event_id', 'last_event_id'].every((name) => value[name] === null || Number.isSafeInteger(value[name])) &&
    Array.isArray(value['segments']) &&
    value['segments'].every(isSegment) &&
    (value['checkpoint'] === null || isCheckpoint(value['checkpoint']))
  );
}

function isSegment(value: unknown): boolean {
  const numbers = ['segment_no', 'after_event_id', 'to_event_id', 'row_count', 'rows'];
  return (
    isObject(value) &&
    numbers.every((name) => Number.isSafeInteger(value[name])) &&
    typeof value['previous_hash'] === 'string' &&
    typeof value['segment_hash'] === 'string' &&
    isTextOrNull(value['row_digests'])
  );
}

function isCheckpoint(value: unknown): boolean {
  return (
    isObject(value) &&
    Number.isSafeInteger(value['segment_no']) &&
    ['segment_hash', 'key_id', 'signature'].every((name) => typeof value[name] === 'string')
  );
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}
