import { IdempotencyKeyInProgress } from '#tenancy';
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 5_000;

/**
 * The requests with a key that this program is carrying out. A repeat waits here for the first one, not in the
 * database, where each would hold a connection. Between programs, and for what is left, the key's lock decides.
 */
export class RepeatsUnderWay {
  private readonly firsts = new Map<string, Promise<void>>();

  /** Waits for the first request of this name, or is it. What it gives back tells that the request is done. */
  async enter(name: string): Promise<() => void> {
    const first = this.firsts.get(name);
    if (first) {
      await this.patiently(first);
      return () => undefined;
    }
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.firsts.set(name, promise);
    return () => {
      this.firsts.delete(name);
      resolve(undefined);
    };
  }

  private async patiently(first: Promise<void>): Promise<void> {
    const enough = new AbortController();
    const late = sleep(PATIENCE_MS, 'late' as const, { signal: enough.signal, ref: false });
    const ended = await Promise.race([first, late.catch(() => undefined)]);
    enough.abort();
    if (ended === 'late') throw new IdempotencyKeyInProgress();
  }
}
