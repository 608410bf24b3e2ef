import { connect } from 'node:net';
import { type Answer, isEventStream, readAnswers } from './read-answers.js';

export interface Exchanged {
  answers: Answer[];
  /** Nothing more came, and the connection stayed open: it hangs. */
  isHanging: boolean;
  ms: number;
}

export interface ExchangeOptions {
  url: string;
  method: string;
  /** So many answers are waited for. */
  expected: number;
  /** The client has said all that it will say, and hangs up its half. */
  isCut: boolean;
  limitMs: number;
}

/** Writes the bytes on a connection of its own and reads what is answered, to the end or to the limit. */
export async function exchange(
  bytes: string,
  { url, method, expected, isCut, limitMs }: ExchangeOptions,
): Promise<Exchanged> {
  const { hostname, port } = new URL(url);
  const begun = performance.now();
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const chunks: Buffer[] = [];
  let isHanging = false;
  let isOver = false;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      isHanging = true;
      socket.destroy();
    }, limitMs);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const soFar = Buffer.concat(chunks);
      const answers = readAnswers(soFar, method, false);
      // A stream of events has no end, and no answer comes behind it.
      if (answers.length >= expected || answers.some(({ headers }) => isEventStream(headers)))
        socket.destroy();
    });
    // Reset by the other side is an end as well: what had come until then counts.
    socket.on('error', () => undefined);
    socket.once('end', () => {
      isOver = true;
    });
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.once('connect', () => {
      socket.write(bytes, 'latin1');
      if (isCut) socket.end();
    });
  });
  return {
    answers: readAnswers(Buffer.concat(chunks), method, isOver),
    isHanging,
    ms: performance.now() - begun,
  };
}
