import type { Database, Scope } from '#database';
import type { Election } from '#jobs';
import { type Logger, speakForSystem, systemMetrics } from '#observability';
import { Periodic } from './periodic.js';
import { SystemLook } from './system-look.js';

/** Soon after the start: the first heartbeat has to come before. */
const FIRST_MS = 1_000;
/** Between two looks, so many times as long as one took: figures must not cost more than they tell. */
const REST_FACTOR = 19;

/**
 * Tells the figures of the whole system, if this worker is the one that is elected to. They are gathered in the
 * background, never by a scrape; who is not elected any more, or cannot find out, says nothing of them.
 */
export class SystemTeller {
  private readonly periodic: Periodic;
  private readonly look = new SystemLook();
  private nextLookAt = 0;
  private isTelling = false;

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
    private readonly election: Election,
    private readonly everyMs: number,
    private readonly logger: Logger,
  ) {
    this.periodic = new Periodic({ name: 'metrics.system', everyMs, work: () => this.round(), logger });
  }

  start(): void {
    this.periodic.start(Math.min(FIRST_MS, this.everyMs));
  }

  async stop(): Promise<void> {
    await this.periodic.stop();
    speakForSystem(0);
  }

  private async round(): Promise<void> {
    const askedAt = performance.now();
    const { forMs, alive } = await this.database.acrossTenants(this.scope, (tx) =>
      this.election.stand(tx, this.everyMs),
    );
    this.say(forMs > 0);
    if (forMs === 0) {
      speakForSystem(0);
      this.nextLookAt = 0;
      return;
    }
    if (performance.now() >= this.nextLookAt) await this.gather();
    systemMetrics.workersAlive.set(alive);
    // From when it was asked: the right runs by the clock of the database, which was read after that.
    const leftMs = forMs - (performance.now() - askedAt);
    if (leftMs <= 0) this.nextLookAt = 0;
    speakForSystem(leftMs);
  }

  private async gather(): Promise<void> {
    const begunAt = performance.now();
    await this.look.take(this.database, this.scope);
    const tookMs = performance.now() - begunAt;
    systemMetrics.lookSeconds.set(tookMs / 1_000);
    systemMetrics.lookedAt.set(Date.now() / 1_000);
    // Half a round early, so that the round that is due is not missed by a moment.
    this.nextLookAt = begunAt + Math.max(this.everyMs / 2, REST_FACTOR * tookMs);
  }

  private say(isTelling: boolean): void {
    if (isTelling === this.isTelling) return;
    this.isTelling = isTelling;
    const event = isTelling ? 'SS_METRICS_SPEAKING' : 'SS_METRICS_SILENT';
    this.logger.info(
      { event },
      isTelling ? 'tells the figures of the system' : 'leaves them to another worker',
    );
  }
}
