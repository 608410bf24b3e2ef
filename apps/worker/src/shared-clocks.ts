const RENEWED_AT = 0;
const MAIN_SEEN_AT = 1;

/** Milliseconds of a clock that all threads of the process share, and that nobody can set. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/**
 * Two times that the main thread and the lease thread tell each other through shared memory, so that neither has to
 * find the other's event loop free: when the leases were last renewed, and when the main thread last turned.
 */
export class SharedClocks {
  private readonly cells: BigInt64Array;

  constructor(
    readonly buffer: SharedArrayBuffer = new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT),
  ) {
    this.cells = new BigInt64Array(buffer);
  }

  get renewedAt(): number {
    return this.read(RENEWED_AT);
  }

  set renewedAt(ms: number) {
    this.write(RENEWED_AT, ms);
  }

  get mainSeenAt(): number {
    return this.read(MAIN_SEEN_AT);
  }

  set mainSeenAt(ms: number) {
    this.write(MAIN_SEEN_AT, ms);
  }

  private read(cell: number): number {
    return Number(Atomics.load(this.cells, cell));
  }

  private write(cell: number, ms: number): void {
    Atomics.store(this.cells, cell, BigInt(Math.trunc(ms)));
  }
}
