import type { ExactNumber } from './exact-number.js';

/** A JSON value read without loss: a number is a safe integer, every other one is an `ExactNumber`. */
export type Json = null | boolean | number | ExactNumber | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('toJSON' in value);
}

/** A copy without these keys. */
export function without(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** The place of a value below another, as a JSON pointer (RFC 6901). */
export function pointTo(at: string, key: string | number): string {
  return `${at}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
