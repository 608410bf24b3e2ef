import { causeOf } from '#database';
import { DomainError, type Logger } from '#observability';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Waiting {
  boundMs: number;
  logger: Logger;
}

const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 2_000;
const SAY_EVERY_MS = 10_000;

/** Somebody asked the program to leave while it waited for its database. */
export class StoppedWaiting extends Error {
  constructor(readonly signal: NodeJS.Signals) {
    super(`${signal} while waiting for the database`);
  }
}

/**
 * Asks until the database answers, or for so long: a fleet may start in any order. What is no outage, a wrong
 * password say, is thrown at once. A signal ends the wait.
 */
export async function whenReachable<T>(ask: () => Promise<T>, { boundMs, logger }: Waiting): Promise<T> {
  const begun = performance.now();
  const stop = new AbortController();
  // As the first process of a container, a program would not be ended by a signal that it does not listen to.
  const onSignal = (signal: NodeJS.Signals): void => {
    stop.abort(new StoppedWaiting(signal));
  };
  process.once('SIGTERM', onSignal).once('SIGINT', onSignal);
  const stopped = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => {
      reject(stop.signal.reason as StoppedWaiting);
    });
  });
  stopped.catch(() => undefined);
  let saidAt = -Infinity;
  try {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        const answer = await Promise.race([ask(), stopped]);
        if (saidAt > 0) {
          const waitedMs = Math.round(performance.now() - begun);
          logger.info({ event: 'SS_DATABASE_REACHED', waited_ms: waitedMs }, 'the database answers');
        }
        return answer;
      } catch (error) {
        const cause = causeOf(error);
        if (cause === null) throw error;
        const waited = performance.now() - begun;
        if (waited >= boundMs) throw new DatabaseUnreachable(cause, Math.round(boundMs / 1_000), error);
        if (performance.now() - saidAt > SAY_EVERY_MS) {
          saidAt = performance.now();
          logger.warn(
            { event: 'SS_DATABASE_AWAITED', cause, waited_ms: Math.round(waited), bound_ms: boundMs },
            'the database does not answer; waiting for it',
          );
        }
        const left = boundMs - waited;
        await Promise.race([sleep(Math.min(pauseMs * (0.5 + Math.random()), left)), stopped]);
      }
    }
  } finally {
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
  }
}

class DatabaseUnreachable extends DomainError {
  constructor(cause: string, waitedSeconds: number, error: unknown) {
    super(
      'DATABASE_UNAVAILABLE',
      `The database did not answer within ${String(waitedSeconds)} s (SS_DATABASE_WAIT_SECONDS): ${cause}. ` +
        'Check DATABASE_URL, and that the server runs and lets this machine in.',
      { cause },
      [],
      { cause: error },
    );
  }
}
