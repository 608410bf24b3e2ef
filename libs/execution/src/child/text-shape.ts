import { openSync, readSync, closeSync } from 'node:fs';
import { ChildFailure } from './child-failure.js';

/** Enough to tell what a file is, small enough to read at once. */
const HEAD_BYTES = 262_144;
/** How files begin that are often uploaded under a wrong name. */
const FOREIGN = [
  { begins: /^%PDF-/, is: 'a PDF' },
  // eslint-disable-next-line no-control-regex -- the mark of a ZIP
  { begins: /^PK\u0003\u0004/, is: 'a ZIP archive or workbook' },
  { begins: /^PAR1/, is: 'a Parquet file' },
  { begins: /^\s*<(?:!doctype|\?xml|html|!--)/i, is: 'a page of HTML or XML' },
];
// eslint-disable-next-line no-control-regex -- control characters are what this looks for
const BINARY = /[\u0000-\u0008\u000b\u000e-\u001a\u001c-\u001f]/;

export interface TextHead {
  text: string;
  /** Whether the text is the whole file. */
  whole: boolean;
}

/** The beginning of a text file; refuses a file that is empty, binary, or something else by its first bytes. */
export function readTextHead(path: string, key: string): TextHead {
  const bytes = readHead(path);
  const whole = bytes.length < HEAD_BYTES;
  const text = decode(bytes, whole, key);
  const foreign = FOREIGN.find(({ begins }) => begins.test(text));
  if (foreign) throw notWhatItSays(key, `it is ${foreign.is}`);
  if (BINARY.test(text)) throw notWhatItSays(key, 'it is binary, not text');
  if (whole && text.trim() === '') throw emptyFile(key);
  return { text, whole };
}

export function emptyFile(key: string): ChildFailure {
  return new ChildFailure('INPUT_EMPTY_FILE', `Dataset "${key}" is empty.`);
}

export function notWhatItSays(key: string, reason: string): ChildFailure {
  return new ChildFailure('INPUT_PARSE_FAILED', `Dataset "${key}" could not be read: ${reason}.`);
}

function readHead(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(file, head, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(file);
  }
}

function decode(bytes: Buffer, whole: boolean, key: string): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) throw notWhatItSays(key, 'it is UTF-16; save it as UTF-8');
  try {
    // A head may end in the middle of a character; `stream` lets that pass.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: !whole });
  } catch {
    throw notWhatItSays(
      key,
      BINARY.test(bytes.toString('latin1')) ? 'it is binary, not text' : 'it is not UTF-8',
    );
  }
}
