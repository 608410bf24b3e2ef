/** Files have the types that they have: whatever is asked for, they are what is there. */
const ANY_FILE = 'application/octet-stream';

/** Whether an `Accept` header (RFC 9110, 12.5.1) takes one of the types. The most exact range that fits decides. */
export function acceptsAny(header: string, types: readonly string[]): boolean {
  if (types.includes(ANY_FILE)) return true;
  const ranges = header
    .split(',')
    .map((part) => rangeOf(part))
    .filter((range) => range.name !== '');
  if (ranges.length === 0) return true;
  return types.some((type) => qualityOf(type.toLowerCase(), ranges) > 0);
}

interface Range {
  name: string;
  quality: number;
}

function rangeOf(part: string): Range {
  const [name = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
  const given = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  const quality = given === undefined ? 1 : Number(given);
  return { name, quality: Number.isFinite(quality) ? quality : 0 };
}

function qualityOf(type: string, ranges: readonly Range[]): number {
  const exact = type.split(';')[0] ?? '';
  for (const name of [exact, `${exact.split('/')[0] ?? ''}/*`, '*/*']) {
    const fitting = ranges.filter((range) => range.name === name);
    if (fitting.length > 0) return Math.max(...fitting.map(({ quality }) => quality));
  }
  return 0;
}
