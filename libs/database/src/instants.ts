import pg from 'pg';

/** An instant as ISO 8601 text in UTC with the database's microseconds, such as `2026-05-04T03:02:01.123456Z`. */
export type Instant = string;

const TIMESTAMPTZ = 1184;
const INT8 = 20;

/**
 * How rows become values. Sessions run in UTC, so PostgreSQL writes `2026-05-04 03:02:01.123456+00`. A Date
 * would lose the microseconds, and a cursor made of it would skip rows.
 */
export const typeParsers = new pg.TypeOverrides();
typeParsers.setTypeParser(TIMESTAMPTZ, toInstant);
typeParsers.setTypeParser(INT8, (text: string): number => Number(text));

/** PostgreSQL leaves out trailing zeros of the fraction; with all six digits instants sort as text, too. */
function toInstant(text: string): Instant {
  const [, date = '', time = '', fraction = ''] = /^(\S+) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00$/.exec(text) ?? [];
  return date === '' ? text : `${date}T${time}.${fraction.padEnd(6, '0')}Z`;
}
