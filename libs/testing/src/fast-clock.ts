import type { Clock } from '#llm';
import { setTimeout as wait } from 'node:timers/promises';

/** A clock that runs so many times as fast as the real one, and remembers what was waited for. */
export class FastClock implements Clock {
  /** Every wait that was begun, in the milliseconds that it asked for. */
  readonly sleeps: number[] = [];
  private readonly begun = performance.now();

  constructor(
    private readonly speed: number,
    /** What `random` answers; chance when absent. */
    private readonly chance: () => number = Math.random,
  ) {}

  now(): number {
    return (performance.now() - this.begun) * this.speed;
  }

  wallNow(): number {
    return Date.now();
  }

  random(): number {
    return this.chance();
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.sleeps.push(ms);
    try {
      await wait(ms / this.speed, undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }
}
