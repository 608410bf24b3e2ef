import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import ZipStream from 'zip-stream';

export interface ZippedFile {
  /** Relative, of safe segments. */
  name: string;
  bytes: number;
  changedAt: Date;
  open: () => Promise<Readable>;
}

/** Above either, an archive needs the fields of 64 bits, which old programs do not read. */
const OLD_FORM = { bytes: 2 ** 32 - 2 ** 24, files: 65_535 };
/** Tables and SVG shrink well at once; more effort would cost the API more than the network gains. */
const LEVEL = 1;
/** Are compressed already. */
const DENSE = /\.(parquet|png|jpe?g|gz|zip|xlsx|zst)$/i;

/**
 * The files as one archive, made while it is read: one file is open at a time, and none is opened before the reader wants
 * it. A file that cannot be read breaks the archive off, so that nobody takes half of it for the whole.
 */
export function zipOf(files: readonly ZippedFile[]): Readable {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const isLarge = bytes > OLD_FORM.bytes || files.length >= OLD_FORM.files;
  const zip = new ZipStream({ forceZip64: isLarge, zlib: { level: LEVEL } });
  const out = new PassThrough();
  // Both ends of the line learn of a failure by the stream itself.
  pipeline(zip, out).catch(() => undefined);
  fill(zip, files, out).then(
    () => {
      zip.finish();
    },
    (error: unknown) => {
      out.destroy(error instanceof Error ? error : new Error('the archive broke off', { cause: error }));
    },
  );
  return out;
}

async function fill(zip: ZipStream, files: readonly ZippedFile[], out: PassThrough): Promise<void> {
  for (const file of files) {
    if (out.destroyed) return;
    await add(zip, file, await file.open(), out);
  }
}

/** Resolves when the file is in the archive, rejects when it cannot be read or nobody reads the archive any more. */
async function add(zip: ZipStream, file: ZippedFile, content: Readable, out: PassThrough): Promise<void> {
  const { name, changedAt: date } = file;
  try {
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error | null): void => {
        out.off('close', left);
        if (error) reject(error);
        else resolve();
      };
      const left = (): void => {
        settle(new Error('the reader has left'));
      };
      out.once('close', left);
      content.once('error', settle);
      zip.entry(content, { name, date, store: DENSE.test(name) }, settle);
      if (out.destroyed) left();
    });
  } finally {
    content.destroy();
  }
}
