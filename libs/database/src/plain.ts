import type { Instant } from './instants.js';

/** What becomes of Prisma's values in {@link plain}. */
export type Plain<T> = T extends bigint
  ? number
  : T extends Date
    ? Instant
    : T extends readonly (infer Item)[]
      ? Plain<Item>[]
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

/** Rows from Prisma as the rest of the code knows rows: whole numbers are numbers, instants are ISO text. */
export function plain<T>(value: T): Plain<T> {
  // The type above says what this does; TypeScript cannot follow the branches.
  return convert(value) as Plain<T>;
}

function convert(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(convert);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(item)]));
}
