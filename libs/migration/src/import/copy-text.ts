/** A value as COPY's text format has it; objects become JSON, lists of texts become arrays. */
export function copyLine(values: readonly unknown[]): string {
  return `${values.map(copyField).join('\t')}\n`;
}

/** A list of texts for a text[] column; any other list is JSON. */
export class TextArray {
  constructor(readonly items: readonly string[]) {}
}

const SPECIAL = /[\\\n\r\t]/g;
const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function copyField(value: unknown): string {
  if (value === null || value === undefined) return '\\N';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return textOf(value).replace(SPECIAL, (sign) => ESCAPED[sign] ?? sign);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof TextArray) return `{${value.items.map((item) => JSON.stringify(item)).join(',')}}`;
  return JSON.stringify(value);
}
