import { ExactNumber } from './exact-number.js';
import type { Json } from './json.js';

/** The text that the legacy service itself would have written: keys sorted, two spaces, no newline at the end. */
export function legacyJson(value: Json, indent = ''): string {
  if (value instanceof ExactNumber) return numberText(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    return `[\n${value.map((item) => deeper + legacyJson(item, deeper)).join(',\n')}\n${indent}]`;
  }
  const keys = Object.keys(value).sort(byCodePoint);
  if (keys.length === 0) return '{}';
  const members = keys.map(
    (key) => `${deeper}${JSON.stringify(key)}: ${legacyJson(value[key] ?? null, deeper)}`,
  );
  return `{\n${members.join(',\n')}\n${indent}}`;
}

/** The same on one line. */
export function legacyLine(value: Json): string {
  if (value instanceof ExactNumber) return numberText(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(legacyLine).join(', ')}]`;
  const keys = Object.keys(value).sort(byCodePoint);
  return `{${keys.map((key) => `${JSON.stringify(key)}: ${legacyLine(value[key] ?? null)}`).join(', ')}}`;
}

function numberText(number: ExactNumber): string {
  return number.isInteger ? number.text : floatText(number.text);
}

/** Python sorts by code point, JavaScript by UTF-16 unit. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** As Python writes a float; as it stands where a double would lose digits of it. */
function floatText(text: string): string {
  const number = Number(text);
  const shortest = JSON.stringify(number);
  if (decimal(shortest) !== decimal(text)) return text;
  const magnitude = Math.abs(number);
  if (magnitude !== 0 && (magnitude >= 1e16 || magnitude < 1e-4)) {
    return number.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return shortest.includes('.') ? shortest : `${shortest}.0`;
}

/** One text for one decimal value, whatever its zeros and exponent. */
export function decimal(literal: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return '0';
  const significant = digits.replace(/0+$/, '');
  const scale = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign}${significant}e${String(scale)}`;
}
