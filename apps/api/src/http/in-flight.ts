import type { ServerResponse } from 'node:http';

/** What came of the requests since the counting began. */
export interface DrainCount {
  /** Those that were open then, and those that came before new ones were refused. */
  in_flight: number;
  answered: number;
  /** Their clients went away. */
  abandoned: number;
  /** Still open: whoever closes now cuts them. */
  cut: number;
  refused: number;
}

/**
 * Log, figures, trace and this count each wait for the end of an answer, and so does every stream that it is piped
 * through: a download has 11, and Node warns of a leak from its 11th on. A leak would be far more.
 */
const MAX_LISTENERS = 20;

/** The requests that are being answered now; probes do not count. */
export class InFlight {
  private readonly open = new Set<ServerResponse>();
  private readonly waiting = new Set<() => void>();
  private seen = 0;
  private answered = 0;
  private refused = 0;
  private isCounting = false;

  get count(): number {
    return this.open.size;
  }

  startCounting(): void {
    this.isCounting = true;
    this.seen = this.open.size;
  }

  add(response: ServerResponse): void {
    this.open.add(response);
    response.setMaxListeners(MAX_LISTENERS);
    if (this.isCounting) this.seen += 1;
    // Comes in every case: the answer is out, or the connection broke.
    response.once('close', () => {
      this.open.delete(response);
      if (this.isCounting && response.writableFinished) this.answered += 1;
      if (this.open.size === 0) for (const tell of this.waiting) tell();
    });
  }

  addRefused(): void {
    this.refused += 1;
  }

  /** Resolves when nothing is in flight, or when the signal says that enough was waited. */
  async settled(enough: AbortSignal): Promise<void> {
    if (this.open.size === 0 || enough.aborted) return;
    await new Promise<void>((resolve) => {
      this.waiting.add(resolve);
      enough.addEventListener('abort', () => {
        resolve();
      });
    });
  }

  get total(): DrainCount {
    const { seen, answered, refused } = this;
    const cut = this.open.size;
    return { in_flight: seen, answered, abandoned: seen - answered - cut, cut, refused };
  }
}
