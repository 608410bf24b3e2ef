import type { QueueReconciler } from '#jobs';
import { type Logger, metrics } from '#observability';
import { QUEUES } from '#queue';

export interface ReconcilerOptions {
  everyMs: number;
}

/** After a round that could not mend everything. */
const SOON_MS = 1_000;

/** Lets jobs and messages be compared now and then. Every worker does it; no failure ends it, only `stop` does. */
export class Reconciler {
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly queue: Pick<QueueReconciler, 'round'>,
    private readonly options: ReconcilerOptions,
    private readonly logger: Logger,
  ) {
    for (const queue of Object.keys(QUEUES))
      for (const kind of ['woken', 'dropped', 'given_up']) metrics.queueRepairs.inc({ queue, kind }, 0);
  }

  /** The first round comes by chance within the period, so that workers which started together do not stay together. */
  start(firstMs = Math.random() * this.options.everyMs): void {
    this.next(firstMs);
  }

  /** Resolves when the round under way has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.round;
  }

  private next(afterMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.round = this.reconcile().then((waitMs) => {
        this.next(waitMs);
      });
    }, afterMs);
  }

  /** One round; answers how long to wait for the next. */
  private async reconcile(): Promise<number> {
    const { everyMs } = this.options;
    try {
      const { repairs, complete } = await this.queue.round();
      for (const { queue, kind, count } of repairs) {
        metrics.queueRepairs.inc({ queue, kind }, count);
        this.logger.warn(
          { event: 'SS_QUEUE_RECONCILED', queue, kind, count, complete },
          'messages and jobs disagreed',
        );
      }
      return complete ? everyMs : Math.min(everyMs, SOON_MS);
    } catch (error) {
      this.logger.warn(
        { event: 'SS_QUEUE_RECONCILE_FAILED', err: error },
        'could not compare messages and jobs',
      );
      return everyMs;
    }
  }
}
