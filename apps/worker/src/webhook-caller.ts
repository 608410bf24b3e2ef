import { type Logger, metrics } from '#observability';
import type { CallOutcome, TakenDelivery, WebhookCalls, WebhookOutbox } from '#webhooks';
import { Periodic } from './periodic.js';

const EVERY_MS = 500;
/** After a turn that failed: a database that is away need not be told twice a second. */
const REST_MS = 10_000;
/** Webhooks that are called at the same time; what is due of each is called one after the other. */
const MAX_WEBHOOKS = 16;
const OF_EACH = 10;
/** Beside the calls themselves. */
const SPARE_SECONDS = 30;
const FORGET_EVERY_MS = 3_600_000;

/**
 * Owes webhooks what happened, and calls them. Every worker does both, side by side. A slow target holds up its own
 * deliveries and no other's.
 */
export class WebhookCaller {
  private readonly periodic: Periodic;
  private readonly stopping = new AbortController();
  private readonly busy = new Map<string, Promise<void>>();
  private restUntil = 0;

  constructor(
    private readonly outbox: WebhookOutbox,
    private readonly calls: WebhookCalls,
    private readonly timeoutMs: number,
    private readonly logger: Logger,
    everyMs = EVERY_MS,
  ) {
    this.periodic = new Periodic({ name: 'webhooks.call', everyMs, work: () => this.turn(), logger });
  }

  start(): void {
    this.periodic.start();
  }

  /** Calls under way are broken off: they are no attempts, and made again by another worker. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.periodic.stop();
    await Promise.all(this.busy.values());
  }

  private async turn(): Promise<void> {
    if (performance.now() < this.restUntil) return;
    try {
      while ((await this.outbox.owe()).hasMore && !this.stopping.signal.aborted);
      await this.begin();
    } catch (error) {
      this.restUntil = performance.now() + REST_MS;
      throw error;
    }
  }

  private async begin(): Promise<void> {
    const free = MAX_WEBHOOKS - this.busy.size;
    if (free <= 0 || this.stopping.signal.aborted) return;
    const seconds = (OF_EACH * this.timeoutMs) / 1_000 + SPARE_SECONDS;
    const taken = await this.outbox.take(free, OF_EACH, seconds, [...this.busy.keys()]);
    for (const [webhookId, deliveries] of Map.groupBy(taken, (delivery) => delivery.webhookId)) {
      const called = this.callAll(deliveries).finally(() => this.busy.delete(webhookId));
      this.busy.set(webhookId, called);
    }
  }

  private async callAll(deliveries: readonly TakenDelivery[]): Promise<void> {
    for (const delivery of deliveries) {
      const log = this.logger.child({ tenant_id: delivery.tenantId, webhook_id: delivery.webhookId });
      try {
        const outcome = await this.tryCall(delivery);
        if (outcome) await this.settle(delivery, outcome, log);
        else await this.outbox.giveBack(delivery);
      } catch (error) {
        log.warn({ event: 'SS_WEBHOOK_CALL_NOT_SETTLED', err: error }, 'the call will be made again');
        return;
      }
    }
  }

  /** Null: the worker leaves, and the call was not made, or not to its end. */
  private async tryCall(delivery: TakenDelivery): Promise<CallOutcome | null> {
    const { signal } = this.stopping;
    if (signal.aborted) return null;
    const ended = metrics.webhookCallSeconds.startTimer();
    try {
      return await this.calls.make(delivery, signal);
    } catch {
      // Nothing else ends a call so.
      return null;
    } finally {
      ended();
    }
  }

  private async settle(delivery: TakenDelivery, outcome: CallOutcome, log: Logger): Promise<void> {
    const { status, disabled } = await this.outbox.settle(delivery, outcome);
    metrics.webhookCalls.inc({ outcome: status === 'pending' ? 'failed' : status });
    if (disabled) log.info({ event: 'SS_WEBHOOK_DISABLED', reason: disabled }, 'a webhook is called no more');
  }
}

/** Removes deliveries that were kept long enough. */
export function forgettingDeliveries(outbox: WebhookOutbox, logger: Logger): Periodic {
  const work = async (): Promise<void> => {
    while ((await outbox.forget()) > 0);
  };
  return new Periodic({ name: 'webhooks.forget', everyMs: FORGET_EVERY_MS, work, logger });
}
