import { metrics } from '#observability';
import { type Cause, causeOf } from './faults.js';

/** A full disk or a read-only server refuses some writes and lets others through, a probe's among them. */
const TELLING: ReadonlySet<Cause> = new Set(['disk_full', 'read_only', 'io_error']);
const REMEMBERED_MS = 10_000;

/** Remembers for some seconds that writes failed, and why, so that readiness does not flicker between two of them. */
export class WriteFaults {
  private last: { cause: Cause; at: number } | null = null;

  constructor(private readonly rememberedMs = REMEMBERED_MS) {}

  note(error: unknown): void {
    const cause = causeOf(error);
    if (cause === null || !TELLING.has(cause)) return;
    this.last = { cause, at: performance.now() };
    metrics.refusedWrites.inc({ cause });
  }

  /** Why a write failed lately; null when none did. */
  get recent(): Cause | null {
    return this.last && performance.now() - this.last.at < this.rememberedMs ? this.last.cause : null;
  }
}
