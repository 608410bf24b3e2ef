import type { PlanFaults } from './plan-faults.js';
import { pointTo } from './plan-faults.js';

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/**
 * Copies an unknown value as plain JSON that a PostgreSQL jsonb column can hold, and notes what cannot:
 * NUL, lone surrogates, numbers that are none, depth. The copy shares nothing with what came in.
 */
export function copyAsJson(value: unknown, at: string, faults: PlanFaults, depthLeft: number): Json {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return copyText(value, at, faults);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) faults.add(at, 'must be a finite number');
    return value;
  }
  if (typeof value !== 'object') {
    faults.add(at, 'must be a JSON value');
    return null;
  }
  if (depthLeft === 0) {
    faults.add(at, 'is nested too deeply');
    return null;
  }
  return Array.isArray(value)
    ? value.map((item: unknown, index) => copyAsJson(item, pointTo(at, index), faults, depthLeft - 1))
    : copyObject(value, at, faults, depthLeft);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A property that is undefined counts as absent, as it does for JSON.stringify. */
function copyObject(value: object, at: string, faults: PlanFaults, depthLeft: number): JsonObject {
  const copy: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const place = pointTo(at, key);
    copyText(key, place, faults);
    // Assigned, this key would set the copy's prototype; merged further on, that of every object.
    if (key === '__proto__') faults.add(place, 'is not an allowed key');
    else copy[key] = copyAsJson(member, place, faults, depthLeft - 1);
  }
  return copy;
}

function copyText(text: string, at: string, faults: PlanFaults): string {
  if (text.includes('\0')) faults.add(at, 'must not contain the NUL character');
  if (!text.isWellFormed()) faults.add(at, 'must not contain a lone surrogate');
  return text;
}
