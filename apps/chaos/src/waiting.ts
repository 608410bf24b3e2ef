import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until the answer is neither null nor false, and gives it; null when the limit passes first. A fault counts as no. */
export async function within<T>(
  limitMs: number,
  ask: () => Promise<T | null | false> | T | null | false,
  pauseMs = 25,
): Promise<T | null> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await (async () => ask())().catch(() => null);
    if (answer !== null && answer !== false) return answer;
    if (performance.now() > end) return null;
    await sleep(pauseMs);
  }
}

/** Gives up on what takes too long; the work itself goes on and is not waited for. */
export async function bounded<T>(what: string, limitMs: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`${what} did not end within ${(limitMs / 1_000).toFixed(0)} s`));
  }, limitMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
