import { setTimeout as wait } from 'node:timers/promises';

/** Time as the policy sees it: a test may make it run faster. */
export interface Clock {
  /** Milliseconds since some moment; only differences mean something. */
  now(): number;
  /** The wall clock in milliseconds since 1970, for dates that a provider names. */
  wallNow(): number;
  /** Resolves after so long; rejects with the signal's reason as soon as it fires. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** From 0 up to, not including, 1. */
  random(): number;
}

export const realClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  random: () => Math.random(),
  sleep: async (ms, signal) => {
    try {
      await wait(ms, undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  },
};
