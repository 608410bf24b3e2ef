import { open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import type { PrintedLines } from './step-request.js';

const EVERY_MS = 500;
/** Longer lines are told in pieces. */
const MAX_LINE_CHARS = 1_000;
/** Of one stream of one step: who wants all of it reads the file. */
const MAX_BYTES = 65_536;

interface Followed {
  stream: PrintedLines['stream'];
  path: string;
  bytes: number;
  decoder: StringDecoder;
  rest: string;
}

/** Tells what is added to the two files into which a program prints, line by line, up to a bound. */
export class PrintedTail {
  private readonly files: Followed[];
  private timer: NodeJS.Timeout | undefined;
  private look: Promise<void> = Promise.resolve();

  constructor(
    paths: Readonly<Record<PrintedLines['stream'], string>>,
    private readonly tell: (printed: PrintedLines) => void,
    private readonly everyMs = EVERY_MS,
  ) {
    this.files = (['stdout', 'stderr'] as const).map((stream) => ({
      ...{ stream, path: paths[stream], bytes: 0, decoder: new StringDecoder('utf8'), rest: '' },
    }));
  }

  start(): void {
    this.timer = setInterval(() => {
      this.look = this.look.then(() => this.readAll(false));
    }, this.everyMs);
  }

  /** Tells what is left, the last line included that had no end. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.look;
    await this.readAll(true);
  }

  private async readAll(isLast: boolean): Promise<void> {
    for (const file of this.files) await this.read(file, isLast);
  }

  private async read(file: Followed, isLast: boolean): Promise<void> {
    const added = await readFrom(file.path, file.bytes, MAX_BYTES - file.bytes);
    file.bytes += added.length;
    const isCut = file.bytes >= MAX_BYTES && added.length > 0;
    const parts = (file.rest + file.decoder.write(added)).split('\n');
    file.rest = isLast || isCut ? '' : (parts.pop() ?? '');
    if (file.rest.length > MAX_LINE_CHARS) {
      parts.push(file.rest);
      file.rest = '';
    }
    const lines = parts.flatMap(piecesOf);
    // The end of the last line is no line of its own.
    if ((isLast || isCut) && lines.at(-1) === '') lines.pop();
    if (lines.length > 0 || isCut) this.tell({ stream: file.stream, lines, isCut });
  }
}

/** Programs print what they like; not all of it is text that a database keeps. */
function piecesOf(line: string): string[] {
  const text = line.replace(/\r$/, '').replaceAll('\0', '\ufffd').toWellFormed();
  const pieces = Math.max(1, Math.ceil(text.length / MAX_LINE_CHARS));
  return Array.from({ length: pieces }, (_, n) =>
    text.slice(n * MAX_LINE_CHARS, (n + 1) * MAX_LINE_CHARS).toWellFormed(),
  );
}

/** Nothing where there is no file yet, or none any more. */
async function readFrom(path: string, position: number, most: number): Promise<Buffer> {
  const none = Buffer.alloc(0);
  if (most <= 0) return none;
  const file = await open(path, 'r').catch(() => null);
  if (!file) return none;
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(most), 0, most, position);
    return buffer.subarray(0, bytesRead);
  } catch {
    return none;
  } finally {
    await file.close();
  }
}
