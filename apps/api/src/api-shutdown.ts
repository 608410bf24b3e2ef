import type { Closing, Drain, ShutdownFacts } from '#health';
import type { Logger } from '#observability';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InFlight } from './http/in-flight.js';

export interface ApiShutdownSettings {
  /** Between the readiness that fails and the first refusal. */
  delayMs: number;
  /** What requests in flight get. */
  graceMs: number;
}

/** What is left after the grace: closing the queue and the pool. */
export const CLOSING_MS = 10_000;
/** A connection without a request on it, or with half of one, need not be waited for. */
const LINGER_MS = 1_000;

/** How the API leaves: not ready, then refusing, then idle, then closed. */
export class ApiShutdown {
  private readonly hurried = new AbortController();

  constructor(
    private readonly app: NestFastifyApplication,
    private readonly drain: Drain,
    private readonly inFlight: InFlight,
    private readonly logger: Logger,
    private readonly settings: ApiShutdownSettings,
  ) {}

  /** Whoever asks twice does not want to wait: what is in flight is cut. */
  hurry(): void {
    this.hurried.abort();
  }

  /** Answers what came of the requests, once all is closed. */
  async close(closing: Closing): Promise<ShutdownFacts> {
    const { delayMs, graceMs } = this.settings;
    this.drain.begin();
    this.inFlight.startCounting();
    await sleep(delayMs, undefined, { signal: this.hurried.signal }).catch(() => undefined);
    this.drain.refuseWork();
    this.logger.info(
      { event: 'SS_API_SHUTDOWN_DRAINING', in_flight: this.inFlight.count, grace_ms: graceMs },
      'new work is refused; answering what is in flight',
    );
    await this.inFlight.settled(AbortSignal.any([this.hurried.signal, AbortSignal.timeout(graceMs)]));
    const { cut } = this.inFlight.total;
    const cutConnections = (): void => {
      this.app.getHttpServer().closeAllConnections();
    };
    const lingering = setTimeout(cutConnections, cut > 0 ? 0 : LINGER_MS);
    await closing.run();
    clearTimeout(lingering);
    return { isDrained: cut === 0, facts: { ...this.inFlight.total, cut } };
  }
}
