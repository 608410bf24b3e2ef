import type { Logger } from '#observability';

/** How the closing went. */
export interface ShutdownFacts {
  /** False: something was cut that should have ended by itself. */
  isDrained: boolean;
  /** Numbers for the last line of the log. */
  facts: Readonly<Record<string, unknown>>;
}

export interface ShutdownOptions {
  /** `SS_API` or `SS_WORKER`: what the events begin with. */
  events: string;
  logger: Logger;
  /** When to give up on closing and leave. */
  boundMs: number;
  /** Called once, with the first signal. */
  close: () => Promise<ShutdownFacts | undefined>;
  /** The second signal: whoever sends it does not want to wait. A third ends the process at once. */
  hurry?: () => void;
  /** Numbers for the first line of the log. */
  requested?: () => Readonly<Record<string, unknown>>;
}

/** Closes a program on SIGTERM or SIGINT, in bounded time. Exit code 0: all was drained and closed; 1: not all. */
export function onShutdown({ events, logger, boundMs, close, hurry, requested }: ShutdownOptions): void {
  let signals = 0;
  const shutDown = (signal: NodeJS.Signals | 'disconnect'): void => {
    signals += 1;
    if (signals === 2 && hurry) {
      logger.info({ event: `${events}_SHUTDOWN_HURRIED`, signal }, 'asked again: not waiting any longer');
      hurry();
    }
    if (signals > 2 || (signals === 2 && !hurry)) process.exit(1);
    if (signals > 1) return;
    const begun = performance.now();
    logger.info(
      { event: `${events}_SHUTDOWN_REQUESTED`, signal, bound_ms: boundMs, ...requested?.() },
      'shutting down',
    );
    setTimeout(() => {
      logger.error(
        { event: `${events}_SHUTDOWN_TIMED_OUT`, bound_ms: boundMs },
        'not everything was closed in time',
      );
      process.exit(1);
    }, boundMs).unref();
    close().then(
      (outcome) => {
        const { isDrained, facts } = outcome ?? { isDrained: true, facts: {} };
        const event = {
          event: `${events}_SHUTDOWN_COMPLETE`,
          ...facts,
          duration_ms: Math.round(performance.now() - begun),
        };
        if (isDrained) logger.info(event, 'closed');
        else logger.warn(event, 'closed, and not everything had ended by itself');
        process.exit(isDrained ? 0 : 1);
      },
      (error: unknown) => {
        logger.error({ event: `${events}_SHUTDOWN_FAILED`, err: error }, 'closing failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', shutDown);
  process.on('SIGINT', shutDown);
  // Started by another program (`npm start`) that is gone without a word: nobody is left to send a signal.
  process.on('disconnect', () => {
    if (signals === 0) shutDown('disconnect');
  });
}
