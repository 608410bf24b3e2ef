import { isNotDeployed } from '#database';
import { isDomainError, type Logger } from '#observability';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoppedWaiting } from './when-reachable.js';

/** Nothing was under way; what does not close by then is a connection that never was made. */
const CLOSING_MS = 1_000;

/** Closes what was opened, the last first. */
export class Closing {
  private readonly steps: (() => Promise<unknown>)[] = [];

  add(step: () => Promise<unknown>): void {
    this.steps.unshift(step);
  }

  async run(): Promise<void> {
    for (const step of this.steps.splice(0)) await step();
  }
}

/** The program could not start: says why and what would help, closes what was open, and leaves with code 1. */
export async function failToStart(
  events: string,
  logger: Logger,
  error: unknown,
  closing: Closing,
): Promise<never> {
  if (error instanceof StoppedWaiting) {
    logger.info(
      { event: `${events}_SHUTDOWN_COMPLETE`, signal: error.signal },
      'asked to stop before it began',
    );
    await Promise.race([closing.run().catch(() => undefined), sleep(CLOSING_MS)]);
    process.exit(0);
  }
  const remedy = isNotDeployed(error)
    ? 'the database has not been prepared for this release; run: npm run ssctl -- schema deploy'
    : `the program could not start${isDomainError(error) ? `: ${error.message}` : ''}`;
  const cause = isDomainError(error) ? { code: error.code } : { err: error };
  logger.fatal({ event: `${events}_STARTUP_FAILED`, ...cause }, remedy);
  await closing.run().catch(() => undefined);
  process.exit(1);
}
