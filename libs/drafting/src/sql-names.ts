import type { Column } from './column.js';

/** A name as SQL takes it whatever is in it: in double quotes, with those inside doubled. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Longer names make plans that nobody can read, and then plans that are refused. */
const MAX_NAME = 400;

/** Whether a table or column of this name can be spoken of in a plan at all, which is stored as jsonb. */
export function isUsableName(name: string): boolean {
  return name !== '' && name.length <= MAX_NAME && !name.includes('\0') && name.isWellFormed();
}

/** A name as people read it in a sentence or beside an axis: on one line and short. */
export function label(name: string): string {
  const line = name.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line.length > 60 ? `${line.slice(0, 59).toWellFormed()}…` : line;
}

/** What would trouble the header of a CSV, the field of a chart (where `url(` is refused), or a row that becomes a JavaScript object. */
const TROUBLE = /[\p{Cc}\p{Zl}\p{Zp}"'`\\]|^\s|\s$|^__proto__$|^.{61}|url\s*\(|javascript:/isu;

/** The column's name in a table of results: its own, or `fallback` where that would make trouble; each name once. */
export function resultName({ name }: Column, fallback: string, taken: readonly string[]): string {
  const wanted = TROUBLE.test(name) ? fallback : name;
  const used = new Set(taken.map((other) => other.toLowerCase()));
  let free = wanted;
  for (let n = 2; used.has(free.toLowerCase()); n += 1) free = `${wanted}_${n}`;
  return free;
}
