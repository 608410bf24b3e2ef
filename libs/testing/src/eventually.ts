import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS = 20;

/**
 * Asks until the answer is truthy and gives that answer. Throws when the limit passes first, with the last fault as
 * its cause if asking failed. For what happens soon but not at once: never wait for a number of seconds.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  limitMs = 5_000,
): Promise<NonNullable<T>> {
  const end = performance.now() + limitMs;
  let fault: unknown;
  do {
    try {
      const answer = await condition();
      if (answer) return answer;
      fault = undefined;
    } catch (error) {
      fault = error;
    }
    await sleep(PAUSE_MS);
  } while (performance.now() < end);
  throw new Error(`it did not happen within ${limitMs} ms: ${condition.toString()}`, { cause: fault });
}
