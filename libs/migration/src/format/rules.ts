import type { Detail } from '../reasons.js';
import { isSafePath } from '../tree/names.js';
import { ExactNumber } from './exact-number.js';
import { isObject, type Json, type JsonObject, pointTo } from './json.js';

/** What reading a document came upon. */
export class Findings {
  readonly faults: { pointer: string; detail: string }[] = [];
  readonly unsafePaths: { pointer: string }[] = [];
  readonly repairs: Detail[] = [];
  /** Where the reading is: a pointer is made of it only when there is something to tell. */
  private readonly path: (string | number)[] = [];

  within(key: string | number, rule: Rule, value: Json): Json {
    this.path.push(key);
    const read = rule(value, this);
    this.path.pop();
    return read;
  }

  fault(detail: string, ...below: (string | number)[]): null {
    this.faults.push({ pointer: this.pointer(...below), detail });
    return null;
  }

  pointer(...below: (string | number)[]): string {
    return [...this.path, ...below].reduce<string>(pointTo, '');
  }
}

/** Reads one value as the legacy reader does: answers what it makes of it, or notes a fault. */
export type Rule = (value: Json, findings: Findings) => Json;

export const anything: Rule = (value) => value;

export const text: Rule = (value, findings) =>
  typeof value === 'string' ? value : findings.fault('must be a text');

export const anObject: Rule = (value, findings) =>
  isObject(value) ? value : findings.fault('must be an object');

export const truth: Rule = (value, findings) => {
  if (typeof value === 'boolean') return value;
  const word = typeof value === 'string' ? value.toLowerCase() : value;
  if ([1, '1', 'true', 'on', 't', 'y', 'yes'].includes(word as string)) return true;
  if ([0, '0', 'false', 'off', 'f', 'n', 'no'].includes(word as string)) return false;
  return findings.fault('must be true or false');
};

export const scalar: Rule = (value, findings) =>
  value === null || typeof value !== 'object' || value instanceof ExactNumber
    ? value
    : findings.fault('must be a text, a number, a truth value or null');

export const safePath: Rule = (value, findings) => {
  if (typeof value !== 'string') return findings.fault('must be a path');
  if (!isSafePath(value)) findings.unsafePaths.push({ pointer: findings.pointer() });
  return value;
};

export function nullable(rule: Rule): Rule {
  return (value, findings) => (value === null ? null : rule(value, findings));
}

export function oneOf(known: readonly string[]): Rule {
  return (value, findings) =>
    known.includes(value as string) ? value : findings.fault(`must be one of ${known.join(', ')}`);
}

const LARGEST = 2n ** 63n - 1n;

/** A whole number that a bigint column can hold; written as a text, a fraction or a truth value, it is coerced. */
export function integer(options: { min?: number } = {}): Rule {
  return (value, findings) => {
    const digits = digitsOf(value);
    if (digits === null) return findings.fault('must be an integer');
    const exact = BigInt(digits);
    if (exact > LARGEST || exact < -LARGEST - 1n) return findings.fault('must fit into 64 bits');
    if (options.min !== undefined && exact < options.min) {
      return findings.fault(`must be at least ${String(options.min)}`);
    }
    const isPlain = typeof value === 'number' || (value instanceof ExactNumber && value.isInteger);
    if (!isPlain) findings.repairs.push({ reason: 'NUMBER_COERCED', pointer: findings.pointer() });
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
  return (value, findings) =>
    Array.isArray(value)
      ? value.map((item, index) => findings.within(index, rule, item))
      : findings.fault('must be a list');
}

export function recordOf(rule: Rule): Rule {
  return (value, findings) =>
    isObject(value)
      ? Object.fromEntries(
          Object.entries(value).map(([key, item]) => [key, findings.within(key, rule, item)]),
        )
      : findings.fault('must be an object');
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
  const entries = Object.entries(fields);
  return (value, findings) => {
    if (!isObject(value)) return findings.fault('must be an object');
    const result: JsonObject = {};
    for (const [key, { rule, byDefault }] of entries) {
      const given = value[key];
      if (given !== undefined) result[key] = findings.within(key, rule, given);
      // Nobody writes into what was read, so all may have the one empty list.
      else if (byDefault !== undefined) result[key] = byDefault;
      else findings.fault('is required', key);
    }
    for (const key of Object.keys(value)) {
      if (Object.hasOwn(fields, key)) continue;
      if (otherKeys === 'refused') findings.fault('is not a key of the format', key);
      else keep(result, key, value[key] ?? null);
    }
    return result;
  };
}

function keep(object: JsonObject, key: string, value: Json): void {
  // Assigned, this key would set the prototype.
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}
