import type { Logger } from '#observability';

export interface PeriodicOptions {
  /** What is done, for the log. */
  name: string;
  everyMs: number;
  work: () => Promise<void>;
  logger: Logger;
}

/**
 * Does something now and then, never twice at a time: a turn that takes longer than the time to the next one is enough.
 * No failure ends it; only `stop` does.
 */
export class Periodic {
  private timer: NodeJS.Timeout | undefined;
  private turn: Promise<void> | null = null;

  constructor(private readonly options: PeriodicOptions) {}

  /** The first turn comes after `firstMs`, where it need not wait for as long as the others. */
  start(firstMs = this.options.everyMs): void {
    const turn = (): void => {
      this.turn ??= this.take().finally(() => {
        this.turn = null;
      });
    };
    this.timer = setTimeout(() => {
      this.timer = setInterval(turn, this.options.everyMs);
      turn();
    }, firstMs);
  }

  /** Begins no further turn, and waits for the one that is under way. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.turn;
  }

  private async take(): Promise<void> {
    const { name, work, logger } = this.options;
    try {
      await work();
    } catch (error) {
      logger.warn({ event: 'SS_WORKER_PERIODIC_FAILED', task: name, err: error }, 'will be tried again');
    }
  }
}
