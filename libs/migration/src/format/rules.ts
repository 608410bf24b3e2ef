import type { Detail } from '../reasons.js';
import { isSafePath } from '../tree/names.js';
import { ExactNumber } from './exact-number.js';
import { isObject, type Json, type JsonObject, pointTo } from './json.js';

/** What reading a document came upon. */
export class Findings {
  readonly faults: { pointer: string; detail: string }[] = [];
  readonly unsafePaths: { pointer: string }[] = [];
  readonly repairs: Detail[] = [];

  fault(pointer: string, detail: string): null {
    this.faults.push({ pointer, detail });
    return null;
  }
}

/** Reads one value as the legacy reader does: answers what it makes of it, or notes a fault. */
export type Rule = (value: Json, at: string, findings: Findings) => Json;

export const anything: Rule = (value) => value;

export const text: Rule = (value, at, findings) =>
  typeof value === 'string' ? value : findings.fault(at, 'must be a text');

export const anObject: Rule = (value, at, findings) =>
  isObject(value) ? value : findings.fault(at, 'must be an object');

export const truth: Rule = (value, at, findings) => {
  if (typeof value === 'boolean') return value;
  const word = typeof value === 'string' ? value.toLowerCase() : value;
  if ([1, '1', 'true', 'on', 't', 'y', 'yes'].includes(word as string)) return true;
  if ([0, '0', 'false', 'off', 'f', 'n', 'no'].includes(word as string)) return false;
  return findings.fault(at, 'must be true or false');
};

export const scalar: Rule = (value, at, findings) =>
  value === null || typeof value !== 'object' || value instanceof ExactNumber
    ? value
    : findings.fault(at, 'must be a text, a number, a truth value or null');

export const safePath: Rule = (value, at, findings) => {
  if (typeof value !== 'string') return findings.fault(at, 'must be a path');
  if (!isSafePath(value)) findings.unsafePaths.push({ pointer: at });
  return value;
};

export function nullable(rule: Rule): Rule {
  return (value, at, findings) => (value === null ? null : rule(value, at, findings));
}

export function oneOf(known: readonly string[]): Rule {
  return (value, at, findings) =>
    known.includes(value as string) ? value : findings.fault(at, `must be one of ${known.join(', ')}`);
}

const LARGEST = 2n ** 63n - 1n;

/** A whole number that a bigint column can hold; written as a text, a fraction or a truth value, it is coerced. */
export function integer(options: { min?: number } = {}): Rule {
  return (value, at, findings) => {
    const digits = digitsOf(value);
    if (digits === null) return findings.fault(at, 'must be an integer');
    const exact = BigInt(digits);
    if (exact > LARGEST || exact < -LARGEST - 1n) return findings.fault(at, 'must fit into 64 bits');
    if (options.min !== undefined && exact < options.min) {
      return findings.fault(at, `must be at least ${String(options.min)}`);
    }
    const isPlain = typeof value === 'number' || (value instanceof ExactNumber && value.isInteger);
    if (!isPlain) findings.repairs.push({ reason: 'NUMBER_COERCED', pointer: at });
    const number = Number(exact);
    return Number.isSafeInteger(number) ? number : ExactNumber.of(String(exact));
  };
}

/** The digits of what the legacy reader takes for an integer; null where it does not. */
function digitsOf(value: Json): string | null {
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'number') return String(value);
  const written = value instanceof ExactNumber ? value.text : value;
  if (typeof written !== 'string') return null;
  return /^\s*\+?(-?\d+(?:_\d+)*)(?:\.0*)?\s*$/.exec(written)?.[1]?.replaceAll('_', '') ?? null;
}

export function listOf(rule: Rule): Rule {
  return (value, at, findings) =>
    Array.isArray(value)
      ? value.map((item, index) => rule(item, pointTo(at, index), findings))
      : findings.fault(at, 'must be a list');
}

export function recordOf(rule: Rule): Rule {
  return (value, at, findings) =>
    isObject(value)
      ? Object.fromEntries(
          Object.entries(value).map(([key, item]) => [key, rule(item, pointTo(at, key), findings)]),
        )
      : findings.fault(at, 'must be an object');
}

/** A field: its rule, and what stands where the key is absent; without a default the key must be there. */
export interface Field {
  rule: Rule;
  byDefault?: Json;
}

export function required(rule: Rule): Field {
  return { rule };
}

export function optional(rule: Rule, byDefault: Json = null): Field {
  return { rule: byDefault === null ? nullable(rule) : rule, byDefault };
}

/** An object of these fields. Other keys are kept, or refused, as the legacy format has it for this object. */
export function object(otherKeys: 'kept' | 'refused', fields: Readonly<Record<string, Field>>): Rule {
  return (value, at, findings) => {
    if (!isObject(value)) return findings.fault(at, 'must be an object');
    const result: JsonObject = {};
    for (const [key, { rule, byDefault }] of Object.entries(fields)) {
      if (Object.hasOwn(value, key)) result[key] = rule(value[key] ?? null, pointTo(at, key), findings);
      else if (byDefault !== undefined) result[key] = structuredClone(byDefault);
      else findings.fault(pointTo(at, key), 'is required');
    }
    for (const [key, item] of Object.entries(value)) {
      if (Object.hasOwn(fields, key)) continue;
      if (otherKeys === 'kept') result[key] = item;
      else findings.fault(pointTo(at, key), 'is not a key of the format');
    }
    return result;
  };
}
