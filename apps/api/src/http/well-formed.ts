import { RequestInvalid } from './request-invalid.js';

/** What the JSON of a request may be at most. */
export interface JsonLimits {
  jsonMaxDepth: number;
  /** Fields of objects and items of arrays, all in all. */
  jsonMaxKeys: number;
}

/**
 * Refuses text that PostgreSQL cannot hold (U+0000, lone surrogates), numbers that are none (1e400), and nesting and numbers of keys that only an
 * attack has, before anything looks at the body.
 */
export function assertWellFormed(value: unknown, limits: JsonLimits): void {
  look(value, '', 0, { limits, keys: 0 });
}

interface Look {
  limits: JsonLimits;
  keys: number;
}

function look(value: unknown, pointer: string, depth: number, so: Look): void {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw new RequestInvalid([{ pointer, detail: 'must not hold U+0000' }]);
    if (!value.isWellFormed())
      throw new RequestInvalid([{ pointer, detail: 'must not hold a lone surrogate' }]);
    return;
  }
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new RequestInvalid([{ pointer, detail: 'must not be larger than any number that can be kept' }]);
  if (value === null || typeof value !== 'object') return;
  const { jsonMaxDepth, jsonMaxKeys } = so.limits;
  if (depth >= jsonMaxDepth) {
    throw new RequestInvalid([
      { pointer, detail: `must not be nested deeper than ${String(jsonMaxDepth)} levels` },
    ]);
  }
  const entries = Object.entries(value);
  so.keys += entries.length;
  if (so.keys > jsonMaxKeys) {
    const detail = `must not have more than ${String(jsonMaxKeys)} fields and items, all in all`;
    throw new RequestInvalid([{ pointer: '', detail }]);
  }
  for (const [key, item] of entries) {
    look(key, pointer, depth, so);
    look(item, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, depth + 1, so);
  }
}
