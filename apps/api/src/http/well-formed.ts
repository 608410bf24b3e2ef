import { RequestInvalid } from './request-invalid.js';

const MAX_DEPTH = 64;

/**
 * Refuses text that PostgreSQL cannot hold (U+0000, lone surrogates) and nesting that only an attack has, before
 * anything looks at the body.
 */
export function assertWellFormed(value: unknown, pointer = '', depth = 0): void {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw new RequestInvalid([{ pointer, detail: 'must not hold U+0000' }]);
    if (!value.isWellFormed())
      throw new RequestInvalid([{ pointer, detail: 'must not hold a lone surrogate' }]);
    return;
  }
  if (value === null || typeof value !== 'object') return;
  if (depth >= MAX_DEPTH) {
    throw new RequestInvalid([
      { pointer, detail: `must not be nested deeper than ${String(MAX_DEPTH)} levels` },
    ]);
  }
  for (const [key, item] of Object.entries(value)) {
    assertWellFormed(key, pointer, depth);
    assertWellFormed(item, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, depth + 1);
  }
}
