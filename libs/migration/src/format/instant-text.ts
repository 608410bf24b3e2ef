import type { Instant } from '#database';

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/;

/** What a legacy timestamp says. The legacy service never parsed what it read, so any text may stand there. */
export type ReadInstant = { instant: Instant; naive: boolean } | null;

/** The instant in a text of ISO 8601, to the microsecond; null when it is none. Without a zone it is UTC. */
export function readInstant(text: string): ReadInstant {
  const [match, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] =
    ISO.exec(text) ?? [];
  if (match === undefined) return null;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  const written = [year, month, day, hour, minute, second].map(Number);
  const meant = [
    ...[date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()],
    ...[date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()],
  ];
  // 30 February and 25 o'clock would have moved on.
  if (written.some((part, index) => part !== meant[index]) || year === '0000') return null;
  const offset = zone === undefined ? 0 : minutesOf(zone);
  if (offset === null) return null;
  const shifted = new Date(date.getTime() - offset * 60_000);
  if (shifted.getUTCFullYear() < 1 || shifted.getUTCFullYear() > 9999) return null;
  const micros = fraction.slice(0, 6).padEnd(6, '0');
  return { instant: `${shifted.toISOString().slice(0, 19)}.${micros}Z`, naive: zone === undefined };
}

function minutesOf(zone: string): number | null {
  if (zone === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || '0');
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/** The instant as the legacy service writes it: `+00:00`, and microseconds only where there are some. */
export function legacyInstant(instant: Instant): string {
  return `${instant.slice(0, 19)}${instant.endsWith('.000000Z') ? '' : instant.slice(19, 26)}+00:00`;
}
