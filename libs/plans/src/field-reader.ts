import { pointTo, quoted, type PlanFaults } from './plan-faults.js';
import { isObject, type Json, type JsonObject } from './plain-json.js';

/** Reads the members of one JSON object, notes what is wrong, and answers null for what cannot be used. */
export class FieldReader {
  private constructor(
    private readonly object: JsonObject,
    private readonly at: string,
    private readonly faults: PlanFaults,
  ) {}

  /** Null when the value is no object; members that `known` does not list are faults. */
  static over(
    value: Json | undefined,
    at: string,
    faults: PlanFaults,
    known: readonly string[],
  ): FieldReader | null {
    if (value === undefined) {
      faults.add(at, 'is required');
      return null;
    }
    if (!isObject(value)) {
      faults.add(at, 'must be an object');
      return null;
    }
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) faults.add(pointTo(at, key), unknownKey(known));
    }
    return new FieldReader(value, at, faults);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.object, key);
  }

  value(key: string): Json | undefined {
    return this.has(key) ? this.object[key] : undefined;
  }

  refuse(key: string, detail: string): null {
    this.faults.add(pointTo(this.at, key), detail);
    return null;
  }

  /** A text with something to read in it. */
  text(key: string, limit: { chars?: number; bytes?: number }): string | null {
    const value = this.value(key);
    if (value === undefined) return this.refuse(key, 'is required');
    if (typeof value !== 'string') return this.refuse(key, 'must be a string');
    if (value.trim() === '') return this.refuse(key, 'must not be blank');
    if (limit.chars !== undefined && value.length > limit.chars) {
      return this.refuse(key, `must have at most ${limit.chars} characters`);
    }
    if (limit.bytes !== undefined && Buffer.byteLength(value) > limit.bytes) {
      return this.refuse(key, `must have at most ${limit.bytes} bytes`);
    }
    return value;
  }

  integer(key: string, min: number, max: number): number | null {
    const value = this.value(key);
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    return this.refuse(key, `must be a whole number from ${min} to ${max}`);
  }

  /** A list of texts; `check` says what is wrong with one of them, or null. */
  texts(key: string, max: number, check: (item: string) => string | null): string[] | null {
    const value = this.value(key);
    if (value === undefined) return this.refuse(key, 'is required');
    if (!Array.isArray(value)) return this.refuse(key, 'must be a list');
    if (value.length > max) return this.refuse(key, `must have at most ${max} items`);
    const at = pointTo(this.at, key);
    value.forEach((item, index) => {
      const fault = typeof item === 'string' ? check(item) : 'must be a string';
      if (fault !== null) this.faults.add(pointTo(at, index), fault);
    });
    return value.filter((item) => typeof item === 'string');
  }

  /** Like `texts`, each text once. */
  distinctTexts(key: string, max: number, check: (item: string) => string | null): string[] | null {
    const seen = new Set<string>();
    return this.texts(key, max, (item) => {
      if (seen.has(item)) return `${quoted(item)} is listed twice`;
      seen.add(item);
      return check(item);
    });
  }
}

function unknownKey(known: readonly string[]): string {
  return known.length === 0
    ? 'is not known here; no keys are'
    : `is not a known key; known: ${known.join(', ')}`;
}
