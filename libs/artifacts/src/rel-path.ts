import { ArtifactPathUnsafe } from './artifact-refusals.js';

export const MAX_REL_PATH_CHARS = 512;

/** File systems hold 255 bytes a name; the rest is left to the store's own temporary names. */
const MAX_NAME_BYTES = 240;

// Includes DEL and the C1 controls: terminals act on them when a path is listed.
// eslint-disable-next-line no-control-regex -- control characters are what this looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** In order: the first rule that a path breaks is the one that its refusal names. */
const RULES: readonly (readonly [broken: (path: string) => boolean, reason: string])[] = [
  [(path) => path === '', 'it is empty'],
  [(path) => path.length > MAX_REL_PATH_CHARS, `it is longer than ${String(MAX_REL_PATH_CHARS)} characters`],
  [(path) => !path.isWellFormed(), 'it is not well-formed Unicode'],
  [(path) => CONTROL.test(path), 'it holds a control character'],
  [(path) => path.includes('\\'), 'it holds a backslash'],
  [(path) => path.startsWith('/'), 'it is absolute'],
  [(path) => path.startsWith('~'), 'it starts with ~'],
  [(path) => path.split('/').includes(''), 'it has an empty component'],
  [(path) => path.split('/').some((name) => name === '.' || name === '..'), 'it has a . or .. component'],
];

/** Refuses every artifact path, as clients see them, that could lead out of the job's own folder. */
export function assertSafeRelPath(path: string): void {
  const rule = RULES.find(([broken]) => broken(path));
  if (rule) throw new ArtifactPathUnsafe(rule[1]);
}

/** The same for names in the store, where names that begin with ~ are the store's own. */
export function assertSafeStorageName(name: string): void {
  assertSafeRelPath(name);
  for (const segment of name.split('/')) {
    if (segment.startsWith('~')) throw new ArtifactPathUnsafe('a component starts with ~');
    if (Buffer.byteLength(segment) > MAX_NAME_BYTES) {
      throw new ArtifactPathUnsafe(`a component is longer than ${String(MAX_NAME_BYTES)} bytes`);
    }
  }
}
