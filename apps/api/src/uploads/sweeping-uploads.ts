import type { Logger } from '#observability';
import type { PartialFiles } from './partial-files.js';

const EVERY_MS = 600_000;

/** Removes what came of uploads that were never finished, now and then; answers how to end that. Makes their folder. */
export async function sweepingUploads(files: PartialFiles, logger: Logger): Promise<() => Promise<void>> {
  await files.removeExpired();
  const timer = setInterval(() => {
    files.removeExpired().catch((error: unknown) => {
      logger.warn({ event: 'SS_API_UPLOADS_NOT_SWEPT', err: error }, 'will be tried again');
    });
  }, EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    return Promise.resolve();
  };
}
