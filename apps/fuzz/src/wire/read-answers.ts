import { brotliDecompressSync, gunzipSync } from 'node:zlib';

export interface Answer {
  status: number;
  headers: ReadonlyMap<string, string>;
  body: Buffer;
}

const END_OF_HEAD = '\r\n\r\n';

/**
 * The whole answers in these bytes. `isOver`: the connection has ended, so that an answer without a length is whole.
 * A stream of events is whole with its head.
 */
export function readAnswers(bytes: Buffer, method: string, isOver: boolean): Answer[] {
  const answers: Answer[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf(END_OF_HEAD, at, 'latin1');
    if (end < 0) return answers;
    const [first = '', ...lines] = bytes.subarray(at, end).toString('latin1').split('\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
    const headers = new Map(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const from = end + END_OF_HEAD.length;
    const read = readBody(bytes, from, { status, headers, method, isOver });
    if (read === null) return answers;
    at = read.end;
    // 100 Continue is a word before the answer.
    if (status >= 200) answers.push({ status, headers, body: decoded(read.body, headers) });
    else if (status === 0) return [...answers, { status, headers, body: read.body }];
    // What follows is the stream itself.
    if (isEventStream(headers)) return answers;
  }
}

interface Head extends Pick<Answer, 'status' | 'headers'> {
  method: string;
  isOver: boolean;
}

function readBody(
  bytes: Buffer,
  from: number,
  { status, headers, method, isOver }: Head,
): { body: Buffer; end: number } | null {
  const nothing = { body: Buffer.alloc(0), end: from };
  if (method === 'HEAD' || status === 204 || status === 304 || status < 200) return nothing;
  if (isEventStream(headers)) return nothing;
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(bytes, from);
  const length = headers.get('content-length');
  if (length === undefined) return isOver ? { body: bytes.subarray(from), end: bytes.length } : null;
  const end = from + Number(length);
  return bytes.length < end ? null : { body: bytes.subarray(from, end), end };
}

export function isEventStream(headers: Answer['headers']): boolean {
  return headers.get('content-type')?.startsWith('text/event-stream') === true;
}

function readChunks(bytes: Buffer, from: number): { body: Buffer; end: number } | null {
  const chunks: Buffer[] = [];
  let at = from;
  for (;;) {
    const line = bytes.indexOf('\r\n', at, 'latin1');
    if (line < 0) return null;
    const length = Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16);
    const begin = line + 2;
    const end = begin + length;
    if (!(length >= 0) || bytes.length < end + 2) return null;
    if (length === 0) return { body: Buffer.concat(chunks), end: end + 2 };
    chunks.push(bytes.subarray(begin, end));
    at = end + 2;
  }
}

function decoded(body: Buffer, headers: Answer['headers']): Buffer {
  if (body.length === 0) return body;
  const encoding = headers.get('content-encoding');
  if (encoding === 'gzip') return gunzipSync(body);
  return encoding === 'br' ? brotliDecompressSync(body) : body;
}
