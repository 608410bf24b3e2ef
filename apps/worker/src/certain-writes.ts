import { isBusy, isUnavailable } from '#database';
import type { Logger } from '#observability';
import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Writes until the database has answered: one that is away, or a row that others hold, is no failure of the job. The write may happen again
 * after an answer that was lost, so it has to be one that happens only once. Ends when `isMoot` says that the answer
 * does not matter any more, and then throws what the last try threw.
 */
export async function untilCertain<T>(
  write: () => Promise<T>,
  isMoot: () => boolean,
  logger: Logger,
): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await write();
    } catch (error) {
      if (!(isUnavailable(error) || isBusy(error)) || isMoot()) throw error;
      logger.warn(
        { event: 'SS_WORKER_WRITE_RETRIED', retry_ms: pauseMs, err: error },
        'the database does not answer; trying again',
      );
      // Half of it by chance: many runs wait for the same database.
      await sleep(pauseMs * (0.5 + Math.random() / 2));
    }
  }
}
