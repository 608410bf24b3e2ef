import { DomainError } from '#observability';

export interface Range {
  start: number;
  /** Belongs to the range. */
  end: number;
}

export class RangeUnsatisfiable extends DomainError {
  constructor(readonly bytes: number) {
    super('ARTIFACT_RANGE_UNSATISFIABLE', `The file has ${String(bytes)} bytes; the range lies outside.`, {
      bytes,
    });
  }
}

/**
 * The range of a `Range` header (RFC 9110, 14.2) over a file of so many bytes; null when the whole file is to be
 * sent: no header, another unit, or several ranges, which a server may ignore.
 */
export function rangeOf(header: string | undefined, bytes: number): Range | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (!match || (first === '' && last === '')) return null;
  const start = first === '' ? Math.max(bytes - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return null;
  if (start >= bytes || (first === '' && Number(last) === 0)) throw new RangeUnsatisfiable(bytes);
  return { start, end };
}
