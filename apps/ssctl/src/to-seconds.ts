import { InvalidArgumentError } from 'commander';

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
/** What every option of this kind may be at most. */
const MAX_DAYS = 30;

/** A time as people write it: 90s, 30m, 24h, 7d. */
export function toSeconds(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNIT_SECONDS[unit] ?? NaN);
  if (!(seconds >= 0 && seconds <= MAX_DAYS * 86_400))
    throw new InvalidArgumentError('must be a time up to 30d, such as 0s, 30m, 24h or 7d');
  return seconds;
}
