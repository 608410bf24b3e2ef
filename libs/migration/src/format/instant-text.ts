import type { Instant } from '#database';

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/;

/** What a legacy timestamp says. The legacy service never parsed what it read, so any text may stand there. */
export type ReadInstant = { instant: Instant; naive: boolean } | null;

/** As the legacy service itself writes it, most of the time: nothing to compute. */
const USUAL = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{6}))?\+00:00$/;

/** The instant in a text of ISO 8601, to the microsecond; null when it is none. Without a zone it is UTC. */
export function readInstant(text: string): ReadInstant {
  const usual = USUAL.exec(text);
  const [match, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] =
    ISO.exec(text) ?? [];
  if (match === undefined || !isDate(year, month, day) || !isTime(hour, minute, second)) return null;
  if (usual) return { instant: `${usual[1] ?? ''}.${usual[2] ?? '000000'}Z`, naive: false };
  const offset = zone === undefined ? 0 : minutesOf(zone);
  if (offset === null) return null;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute) - offset, Number(second));
  if (date.getUTCFullYear() < 1 || date.getUTCFullYear() > 9999) return null;
  const micros = fraction.slice(0, 6).padEnd(6, '0');
  return { instant: `${date.toISOString().slice(0, 19)}.${micros}Z`, naive: zone === undefined };
}

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** There is no 30 February, and in most years no 29th. */
function isDate(year = '', month = '', day = ''): boolean {
  const [y, m, d] = [Number(year), Number(month), Number(day)];
  if (y < 1 || d < 1 || d > (DAYS[m - 1] ?? 0)) return false;
  return m !== 2 || d < 29 || (y % 4 === 0 && (y % 100 !== 0 || y % 400 === 0));
}

function isTime(hour: string, minute: string, second: string): boolean {
  return Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
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
