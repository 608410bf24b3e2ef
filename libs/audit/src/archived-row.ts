/** The columns of a row as they are sealed, in that order, and how each is written as JSON. */
const COLUMNS = [
  ['event_id', 'number'],
  ['tenant_id', 'text'],
  ['occurred_at', 'instant'],
  ['actor_kind', 'text'],
  ['actor_id', 'text'],
  ['action', 'text'],
  ['resource_type', 'text'],
  ['resource_id', 'text'],
  ['from_status', 'text'],
  ['to_status', 'text'],
  ['version', 'number'],
  ['run_id', 'text'],
  ['lease_no', 'number'],
  ['reason', 'text'],
  ['request_id', 'text'],
  ['trace_id', 'text'],
  ['source', 'text'],
  ['changes', 'json'],
  ['metadata', 'json'],
  ['database_user', 'text'],
] as const satisfies readonly (readonly [name: string, kind: keyof typeof WRITE])[];

type Column = (typeof COLUMNS)[number][0];

/** From PostgreSQL's own text. Numbers and JSON are taken over as they are, so that no digit is lost. */
const WRITE = {
  number: (text: string) => text,
  json: (text: string) => text,
  text: (text: string) => JSON.stringify(text),
  instant: (text: string) => JSON.stringify(text.replace(' ', 'T').replace(/\+00$/, 'Z')),
} as const;

/** How each value begins in a line: written once, for there are millions of lines. */
const PREFIXES = COLUMNS.map(([name], at) => `${at === 0 ? '{' : ','}${JSON.stringify(name)}:`);
const TEXT_PREFIX = ',"sealed_text":';

/**
 * The line of the archive for a row. `sealed_text` is what its digest is made of; all other fields are made of it too, and
 * of nothing else, so a line is right when making it anew gives the same bytes.
 */
export function archivedLine(sealedText: string): string {
  return lineOf(sealedText, fieldsOf(sealedText));
}

/** The sealed text of a line; null where the line is not the one that the text makes. */
export function sealedTextOf(line: string): string | null {
  const text = textIn(line);
  if (text === null || !text.startsWith('(') || !text.endsWith(')')) return null;
  const fields = fieldsOf(text);
  return fields.length === COLUMNS.length && lineOf(text, fields) === line ? text : null;
}

/** One column of a sealed row. */
export function columnOf(sealedText: string, column: Column): string | null {
  return fieldsOf(sealedText)[COLUMNS.findIndex(([name]) => name === column)] ?? null;
}

function lineOf(sealedText: string, fields: readonly (string | null)[]): string {
  let line = '';
  for (const [at, [, kind]] of COLUMNS.entries()) {
    const value = fields[at] ?? null;
    line += `${PREFIXES[at] ?? ''}${value === null ? 'null' : WRITE[kind](value)}`;
  }
  return `${line}${TEXT_PREFIX}${JSON.stringify(sealedText)}}`;
}

/** Whatever is found here counts only when the whole line can be made of it. In JSON no text has a bare quote in it. */
function textIn(line: string): string | null {
  const at = line.lastIndexOf(TEXT_PREFIX);
  if (at < 0 || !line.endsWith('}')) return null;
  try {
    const parsed: unknown = JSON.parse(line.slice(at + TEXT_PREFIX.length, -1));
    return typeof parsed === 'string' ? parsed : null;
  } catch {
    return null;
  }
}

/**
 * Reads PostgreSQL's text of a row: nothing is NULL, quotes and backslashes inside of quotes stand doubled. By hand, for a
 * pattern would take forever over a text that was made to make it so.
 */
function fieldsOf(row: string): (string | null)[] {
  const fields: (string | null)[] = [];
  const end = row.length - 1;
  let at = 1;
  while (at <= end) {
    if (row[at] !== '"') {
      const comma = row.indexOf(',', at);
      const stop = comma < 0 || comma > end ? end : comma;
      fields.push(stop === at ? null : row.slice(at, stop));
      at = stop + 1;
      continue;
    }
    const close = closingQuote(row, at + 1);
    fields.push(unquoted(row.slice(at + 1, close)));
    at = close + 2;
  }
  return fields;
}

function unquoted(text: string): string {
  return text.includes('"') || text.includes('\\') ? text.replaceAll(/(["\\])\1/g, '$1') : text;
}

/** Where the quoted field ends. */
function closingQuote(row: string, from: number): number {
  let at = from;
  for (;;) {
    const quote = row.indexOf('"', at);
    if (quote < 0) return row.length;
    if (row[quote + 1] !== '"') return quote;
    at = quote + 2;
  }
}
