import { connect, type Socket } from 'node:net';
import { assertPublic } from './public-answer.js';

export interface RawAnswer {
  status: number;
  headers: Headers;
  text: string;
  /** What came after the answer: those to further requests in the same bytes. */
  rest: string;
}

const SILENCE_MS = 20_000;

/**
 * Writes these bytes to the API as they are, broken on purpose where `fetch` would mend or refuse them, and reads
 * one answer. Ask for `Connection: close`: the end of the connection is the end of the answer.
 */
export async function rawRequest(url: string, request: string | Uint8Array): Promise<RawAnswer> {
  const socket = await open(url);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.write(request);
  await new Promise((resolve) => {
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    // Reset by the other side is an end as well: what had come until then counts.
    socket.on('error', () => undefined).once('close', resolve);
  });
  const answer = Buffer.concat(chunks).toString('utf8');
  const [head = '', ...body] = answer.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = new Headers(
    lines.map((line): [string, string] => [
      line.slice(0, line.indexOf(':')),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const all = Buffer.from(body.join('\r\n\r\n'));
  const length = Number(headers.get('content-length') ?? all.length);
  const seen = {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0),
    headers,
    text: all.subarray(0, length).toString('utf8'),
    rest: all.subarray(length).toString('utf8'),
  };
  if (seen.status !== 0) {
    assertPublic({
      request: String(request).split('\r\n')[0]!.slice(0, 200),
      ...seen,
      bytes: Buffer.from(seen.text),
    });
  }
  return seen;
}

/** Writes these bytes and leaves without a word, as a client does whose network breaks. */
export async function breakOff(url: string, request: string | Uint8Array): Promise<void> {
  const socket = await open(url);
  await new Promise((resolve) => socket.write(request, resolve));
  // The bytes arrive before the reset does.
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.on('error', () => undefined).resetAndDestroy();
}

async function open(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
}
