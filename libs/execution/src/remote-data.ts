import type { JsonValue } from './json-value.js';

/** Keys by which a spec, or the picture made from it, can reach out of the chart. */
const REACHING_KEYS = new Set(['url', 'href', 'src', 'baseurl', 'usermeta']);
/** Colours and styles are texts that stand in the SVG as they are. */
const REACHING_TEXT = /url\s*\(|javascript:/i;

/** The JSON pointer of the first place in a chart's spec that could load something; null when there is none. */
export function findRemoteData(spec: JsonValue, pointer = ''): string | null {
  if (typeof spec === 'string') return REACHING_TEXT.test(spec) ? pointer : null;
  if (typeof spec !== 'object' || spec === null) return null;
  for (const [key, member] of Object.entries(spec)) {
    const place = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (REACHING_KEYS.has(key.toLowerCase())) return place;
    const found = findRemoteData(member, place);
    if (found !== null) return found;
  }
  return null;
}
