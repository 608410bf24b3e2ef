import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AuditArchiveInvalid } from './audit-refusals.js';

/** No row of the audit comes near it; a file that was made to fill the memory does. */
const MAX_LINE_CHARACTERS = 64 * 1024 ** 2;

/**
 * The lines of a compressed archive, one after the other. Throws `AUDIT_ARCHIVE_INVALID` where it was cut or is none.
 * Only a newline ends a line: rows may hold any other character that some take for one.
 */
export async function* archiveLines(path: string): AsyncGenerator<string> {
  // Faults of either stream reach the loop below as the plain one's.
  const plain = pipeline(createReadStream(path), createGunzip(), () => undefined);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = '';
  try {
    for await (const chunk of plain as AsyncIterable<Uint8Array>) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_CHARACTERS) throw new AuditArchiveInvalid('a line of it has no end.');
      yield* lines;
    }
    rest += decoder.decode();
  } catch (error) {
    throw toRefusal(error);
  } finally {
    plain.destroy();
  }
  if (rest !== '') throw new AuditArchiveInvalid('its last line has no end.');
}

/** A file that cannot be read is no fault of what is in it. */
function toRefusal(error: unknown): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  if (code.startsWith('Z_')) return new AuditArchiveInvalid('it is not whole, or not compressed by gzip.');
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return new AuditArchiveInvalid('it is not UTF-8.');
  return error;
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) hash.update(chunk);
  return hash.digest('hex');
}
