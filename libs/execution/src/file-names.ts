import { createHash } from 'node:crypto';

const MAX_NAME_CHARS = 80;

/** A file name for a step's id or a dataset's key: itself where that is safe, otherwise told apart by a hash. */
export function fileNameFor(id: string): string {
  const safe = id
    .toWellFormed()
    .replaceAll(/[^\p{L}\p{M}\p{N}._ -]/gu, '_')
    .replace(/^[.\s]+|[.\s]+$/g, '_');
  if (safe === id && id.length <= MAX_NAME_CHARS && id !== '') return id;
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 8);
  return `${Array.from(safe)
    .slice(0, MAX_NAME_CHARS / 2)
    .join('')}-${hash}`;
}
