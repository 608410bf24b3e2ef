const DELIMITERS = [',', ';', '\t', '|'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

/**
 * The delimiter that stands most often in the header, outside quotes; null when there is none. DuckDB could guess
 * it too, but from all lines, and then it bends the dialect until a broken file fits.
 */
export function findDelimiter(header: string): Delimiter | null {
  const unquoted = header.replaceAll(/"(?:[^"]|"")*"/g, '');
  const counts = DELIMITERS.map((delimiter) => ({ delimiter, count: unquoted.split(delimiter).length - 1 }));
  const most = counts.reduce((best, next) => (next.count > best.count ? next : best));
  return most.count > 0 ? most.delimiter : null;
}
