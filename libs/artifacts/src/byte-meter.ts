import { createHash } from 'node:crypto';
import { UploadTooLarge } from './artifact-refusals.js';
import type { Written } from './artifact-store.js';

/** Counts and hashes bytes on their way, and lets no more pass than may. */
export class ByteMeter {
  private readonly hash = createHash('sha256');
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  /** A part of a pipeline. */
  readonly pass = this.through.bind(this);

  /** Once all of them have passed. */
  written(): Written {
    return { bytes: this.bytes, sha256: this.hash.copy().digest('hex') };
  }

  private async *through(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.bytes += chunk.byteLength;
      if (this.bytes > this.maxBytes) throw new UploadTooLarge(this.maxBytes, this.bytes);
      this.hash.update(chunk);
      yield chunk;
    }
  }
}
