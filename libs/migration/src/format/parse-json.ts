import { ExactNumber } from './exact-number.js';
import { type Json, type JsonObject, pointTo } from './json.js';

/** What the text held that a row cannot, and where; the value has its replacement. */
export interface TextRepair {
  reason: 'NUL_REPLACED' | 'SURROGATE_REPLACED' | 'NON_FINITE_NUMBER';
  pointer: string;
}

export class JsonFault extends Error {
  constructor(
    readonly reason: 'JSON_INVALID' | 'TOO_DEEP',
    message: string,
  ) {
    super(message);
  }
}

const MAX_DEPTH = 512;
/** The legacy reader's own limit: it fails on longer ones. */
const MAX_INTEGER_DIGITS = 4_300;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y; // eslint-disable-line no-control-regex -- JSON forbids them in strings
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Reads JSON as the legacy reader does (NaN and Infinity pass, of two equal keys the last counts), without losing a
 * digit. What PostgreSQL cannot hold is replaced, and the place noted.
 */
export function parseJson(text: string): { value: Json; repairs: TextRepair[] } {
  const parser = new Parser(text);
  return { value: parser.document(), repairs: parser.repairs };
}

class Parser {
  readonly repairs: TextRepair[] = [];
  private at = 0;
  private readonly path: (string | number)[] = [];

  constructor(private readonly text: string) {}

  document(): Json {
    this.space();
    const value = this.value();
    this.space();
    if (this.at < this.text.length) this.fail('something follows the document');
    return value;
  }

  private value(): Json {
    const sign = this.text[this.at];
    if (sign === '{') return this.object();
    if (sign === '[') return this.array();
    if (sign === '"') return this.string();
    if (sign !== undefined && sign >= '0' && sign <= '9') return this.number();
    for (const [word, value] of WORDS) {
      if (!this.text.startsWith(word, this.at)) continue;
      this.at += word.length;
      if (typeof value === 'number') return this.nonFinite();
      return value;
    }
    return this.number();
  }

  private object(): JsonObject {
    const object: JsonObject = {};
    this.enter();
    if (this.closes('}')) return object;
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') this.fail('a key is missing');
      const key = this.string();
      this.space();
      this.expect(':');
      this.path.push(key);
      this.space();
      const value = this.value();
      // Assigned, this key would set the prototype.
      if (key === '__proto__') {
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      } else object[key] = value;
      this.path.pop();
      this.space();
      if (this.closes('}')) return object;
      this.expect(',');
    }
  }

  private array(): Json[] {
    const array: Json[] = [];
    this.enter();
    if (this.closes(']')) return array;
    for (;;) {
      this.path.push(array.length);
      this.space();
      array.push(this.value());
      this.path.pop();
      this.space();
      if (this.closes(']')) return array;
      this.expect(',');
    }
  }

  private depth = 0;

  private enter(): void {
    this.at++;
    if (++this.depth > MAX_DEPTH) {
      throw new JsonFault('TOO_DEEP', `objects and lists stand in each other more than ${MAX_DEPTH} deep`);
    }
    this.space();
  }

  private closes(sign: string): boolean {
    if (this.text[this.at] !== sign) return false;
    this.at++;
    this.depth--;
    return true;
  }

  private string(): string {
    const start = ++this.at;
    this.skipPlain();
    if (this.text[this.at] === '"') return this.text.slice(start, this.at++);
    let result = this.text.slice(start, this.at);
    for (;;) {
      const sign = this.text[this.at];
      if (sign === '"') break;
      if (sign !== '\\') this.fail('a string has no end, or holds a control character');
      result += this.escape();
      const from = this.at;
      this.skipPlain();
      result += this.text.slice(from, this.at);
    }
    this.at++;
    return this.storable(result);
  }

  private skipPlain(): void {
    PLAIN.lastIndex = this.at;
    PLAIN.test(this.text);
    this.at = PLAIN.lastIndex;
  }

  private escape(): string {
    const letter = this.text[this.at + 1] ?? '';
    this.at += 2;
    const simple = ESCAPES[letter];
    if (simple !== undefined) return simple;
    const hex = this.text.slice(this.at, this.at + 4);
    if (letter !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) this.fail('an escape that JSON does not have');
    this.at += 4;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }

  /** PostgreSQL holds neither NUL nor half a surrogate pair. */
  private storable(text: string): string {
    let result = text;
    if (result.includes('\0')) {
      this.note('NUL_REPLACED');
      result = result.replaceAll('\0', '\ufffd');
    }
    if (!result.isWellFormed()) {
      this.note('SURROGATE_REPLACED');
      result = result.toWellFormed();
    }
    return result;
  }

  private number(): Json {
    NUMBER.lastIndex = this.at;
    const [literal] = NUMBER.exec(this.text) ?? this.fail('no JSON value');
    this.at += literal.length;
    const number = Number(literal);
    if (/[.eE]/.test(literal)) {
      return Number.isFinite(number) ? ExactNumber.of(literal) : this.nonFinite();
    }
    if (Number.isSafeInteger(number)) return number + 0;
    if (literal.length > MAX_INTEGER_DIGITS)
      this.fail(`an integer of more than ${MAX_INTEGER_DIGITS} digits`);
    return ExactNumber.of(literal);
  }

  private nonFinite(): null {
    this.note('NON_FINITE_NUMBER');
    return null;
  }

  private note(reason: TextRepair['reason']): void {
    this.repairs.push({ reason, pointer: this.path.reduce<string>(pointTo, '') });
  }

  private space(): void {
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }

  private expect(sign: string): void {
    if (this.text[this.at] !== sign) this.fail(`${sign} is missing`);
    this.at++;
  }

  /** The place only: what stands there may be a secret. */
  private fail(what: string): never {
    throw new JsonFault('JSON_INVALID', `at character ${String(this.at)}: ${what}`);
  }
}

const WORDS: readonly (readonly [string, boolean | null | number])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
];
