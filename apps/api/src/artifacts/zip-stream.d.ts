/** The package brings no types. */
declare module 'zip-stream' {
  import type { Readable } from 'node:stream';

  export default class ZipStream extends Readable {
    constructor(options: { forceZip64?: boolean; zlib?: { level: number } });
    entry(
      source: Readable,
      entry: { name: string; date?: Date; store?: boolean },
      done: (error: Error | null) => void,
    ): this;
    /** After the last entry. */
    finish(): void;
  }
}
