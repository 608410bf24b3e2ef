/**
 * A number that a JavaScript number would not keep: an integer beyond 2^53, or one written with a fraction or an
 * exponent (to the legacy reader `2.0` and `2` are two things). JSON.stringify writes it as it stands.
 */
export class ExactNumber {
  private constructor(readonly text: string) {}

  /** A fraction is kept visible: `1e+308` becomes digits with `.0` behind, which a jsonb column gives back so. */
  static of(literal: string): ExactNumber {
    return new ExactNumber(/[.eE]/.test(literal) ? expanded(literal) : literal);
  }

  get isInteger(): boolean {
    return !this.text.includes('.');
  }

  toJSON(): unknown {
    return rawJson(this.text);
  }
}

/** JSON.rawJSON is in Node, and not yet in TypeScript's library. */
const rawJson = (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON;

/** The literal without an exponent and with a fraction: what PostgreSQL's numeric would write, but for that. */
function expanded(literal: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${withoutZeros(digits.padEnd(point, '0'))}.0`;
  return `${sign}${withoutZeros(digits.slice(0, point))}.${digits.slice(point)}`;
}

function withoutZeros(digits: string): string {
  return digits.replace(/^0+(?=\d)/, '');
}
