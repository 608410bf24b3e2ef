import { describe, expect, it } from '@jest/globals';
import { attachment } from './content-disposition.js';

/** The true name, as a browser reads it. */
const nameIn = (header: string): string =>
  decodeURIComponent(/filename\*=UTF-8''(\S+)$/.exec(header)?.[1] ?? '');

describe('the header that names a downloaded file', () => {
  it('says a plain name twice', () => {
    expect(attachment('means.csv')).toBe(`attachment; filename="means.csv"; filename*=UTF-8''means.csv`);
  });

  it.each([
    'a"; filename="evil.exe',
    'a\r\nSet-Cookie: x=1',
    "it's (1)*.csv",
    'données 🐧.csv',
    '100%25.csv',
    'a\\b;c.csv',
    ' leading.csv',
    '\u0000\u001b[31m',
    'a'.repeat(150),
  ])('keeps %j in its two places, and each of them whole', (name) => {
    const header = attachment(name);
    expect(header).toMatch(
      /^attachment; filename="[\x20-\x21\x23-\x5b\x5d-\x7e]*"; filename\*=UTF-8''[\w!#$&+\-.^`|~%]+$/,
    );
    expect(nameIn(header)).toBe(name);
  });

  it('lets no name read backwards', () => {
    expect(nameIn(attachment('invoice\u202efdp.exe'))).toBe('invoice_fdp.exe');
  });

  it('is of bounded length, and keeps the ending', () => {
    const header = attachment(`${'😀'.repeat(400)}.csv`);
    expect(header.length).toBeLessThan(3_000);
    expect(nameIn(header)).toMatch(/\.csv$/);
    expect(attachment('a\ud800.csv')).toContain('filename="a_.csv"');
  });
});
