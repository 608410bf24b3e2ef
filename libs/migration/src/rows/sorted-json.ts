import { ExactNumber } from '../format/exact-number.js';
import { decimal } from '../format/legacy-json.js';

/**
 * One text for one value, whatever the order of its keys and the zeros of its numbers: what a jsonb column gives back
 * compares equal to what went in.
 */
export function sortedJson(value: unknown): string {
  if (value instanceof ExactNumber) return decimal(value.text);
  if (typeof value === 'number') return decimal(JSON.stringify(value));
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${sortedJson(member)}`);
  return `{${members.join(',')}}`;
}
