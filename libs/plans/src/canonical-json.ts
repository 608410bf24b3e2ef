/**
 * One text for one JSON value (RFC 8785): keys in the order of their UTF-16 code units, numbers as ECMAScript
 * writes them, no white space. Throws a TypeError for what JSON cannot say.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return canonicalNumber(value);
  if (typeof value === 'string') return canonicalText(value);
  if (typeof value !== 'object') throw new TypeError(`A ${typeof value} has no canonical JSON`);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  return canonicalObject(value);
}

/** A property that is undefined counts as absent, as it does for JSON.stringify. */
function canonicalObject(value: object): string {
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1)) // `<` on strings compares code units, which is what the RFC asks
    .map(([key, member]) => `${canonicalText(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no canonical JSON`);
  return JSON.stringify(value); // also writes -0 as 0, as the RFC does
}

function canonicalText(value: string): string {
  // Two different broken strings would be written alike in UTF-8, and so hash alike.
  if (!value.isWellFormed()) throw new TypeError('A lone surrogate has no canonical JSON');
  return JSON.stringify(value);
}
