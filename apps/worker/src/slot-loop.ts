import type { Logger } from '#observability';

export interface SlotLoopOptions<Item> {
  name: string;
  slots: number;
  /** How often a free slot looks for work that nobody announced. */
  pollMs: number;
  /** Takes up to `max` pieces of work. */
  take: (max: number) => Promise<Item[]>;
  /** Does one piece of work. Whatever it throws is logged, and the slot is free again. */
  carryOut: (item: Item) => Promise<void>;
  logger: Logger;
}

/** After a failed look, so that a database that is down is not asked in a tight loop. */
const MIN_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

/**
 * Keeps a number of slots at work: looks when a wake-up comes, when a slot frees, and now and then in any case.
 * No failure ends it; only `stop` does.
 */
export class SlotLoop<Item> {
  private readonly busy = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private looking = false;
  /** A wake-up came while a look was under way: what it saw may be old already. */
  private lookAgain = false;
  private stopped = false;
  private pauseMs = 0;
  private lastLookAt = 0;

  constructor(private readonly options: SlotLoopOptions<Item>) {}

  start(): void {
    this.wake();
  }

  /** Looks for work as soon as there is a free slot. */
  wake(): void {
    if (this.looking) {
      this.lookAgain = true;
      return;
    }
    if (!this.stopped && this.busy.size < this.options.slots) void this.look();
  }

  /** How long ago the last look succeeded; a loop whose slots are all busy need not look. */
  get msSinceLastLook(): number {
    return this.busy.size >= this.options.slots ? 0 : performance.now() - this.lastLookAt;
  }

  get name(): string {
    return this.options.name;
  }

  get busySlots(): number {
    return this.busy.size;
  }

  /** Takes no more work. Resolves when the work under way has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    while (this.busy.size > 0 || this.looking) {
      await Promise.race([...this.busy, new Promise((resolve) => setTimeout(resolve, 50))]);
    }
  }

  private async look(): Promise<void> {
    this.looking = true;
    clearTimeout(this.timer);
    let taken: number;
    try {
      do {
        this.lookAgain = false;
        const free = this.options.slots - this.busy.size;
        const items = free > 0 ? await this.options.take(free) : [];
        this.lastLookAt = performance.now();
        this.pauseMs = 0;
        taken = items.length;
        for (const item of items) this.occupy(item);
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- both change while `take` is awaited
      } while ((taken > 0 || this.lookAgain) && !this.stopped && this.busy.size < this.options.slots);
    } catch (error) {
      this.pauseMs = Math.min(Math.max(this.pauseMs * 2, MIN_PAUSE_MS), MAX_PAUSE_MS);
      const { name, logger } = this.options;
      logger.warn(
        { event: 'SS_WORKER_CLAIM_FAILED', loop: name, retry_ms: this.pauseMs, err: error },
        'could not look for work',
      );
    } finally {
      this.looking = false;
    }
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.wake();
    }, this.pauseMs || this.options.pollMs);
  }

  private occupy(item: Item): void {
    const work = this.options
      .carryOut(item)
      .catch((error: unknown) => {
        this.options.logger.error(
          { event: 'SS_WORKER_UNHANDLED_EXCEPTION', loop: this.options.name, err: error },
          'work failed',
        );
      })
      .finally(() => {
        this.busy.delete(work);
        this.wake();
      });
    this.busy.add(work);
  }
}
