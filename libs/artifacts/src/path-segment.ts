import { createHash } from 'node:crypto';
import { ArtifactPathUnsafe } from './artifact-refusals.js';

/** Legacy ids are free text of up to this many code points. */
const MAX_ID_CODE_POINTS = 255;
/** Below the 255 bytes of a file name, with room to spare. */
const MAX_SEGMENT_CHARS = 200;
const HASHED = '~';

/**
 * Turns any id into one folder name, two ids never into the same one. Capitals are encoded too, because some
 * file systems hold `Job` and `job` to be one name; so is a leading dot, which would hide the folder.
 * An id whose encoding is too long becomes `~` and its SHA-256: the store then keeps the id in a file inside.
 */
export function encodeSegment(id: string): string {
  if (id === '') throw new ArtifactPathUnsafe('an id is empty');
  const codePoints = Array.from(id);
  if (codePoints.length > MAX_ID_CODE_POINTS) {
    throw new ArtifactPathUnsafe(`an id is longer than ${String(MAX_ID_CODE_POINTS)} characters`);
  }
  const encoded = codePoints.map(encodeCodePoint).join('');
  if (encoded.length <= MAX_SEGMENT_CHARS) return encoded;
  return HASHED + createHash('sha256').update(encoded).digest('hex');
}

/** The id that a folder name stands for; null for a hashed one, whose id is in the file beside. */
export function decodeSegment(segment: string): string | null {
  if (segment.startsWith(HASHED)) return null;
  const bytes = segment.replaceAll(/%u([0-9a-f]{4})|%([0-9a-f]{2})/g, (_all, unit?: string, byte?: string) =>
    unit === undefined ? `%${byte ?? ''}` : String.fromCharCode(Number.parseInt(unit, 16)),
  );
  return bytes.replaceAll(/(?:%[0-9a-f]{2})+/g, (run) => decodeURIComponent(run));
}

export function isHashed(segment: string): boolean {
  return segment.startsWith(HASHED);
}

function encodeCodePoint(text: string): string {
  if (/^[a-z0-9_-]$/.test(text)) return text;
  // A surrogate without its partner has no UTF-8; replacing it would let two ids meet.
  if (!text.isWellFormed()) return `%u${text.charCodeAt(0).toString(16)}`;
  return Array.from(Buffer.from(text, 'utf8'), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}
