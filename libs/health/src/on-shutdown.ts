import type { Logger } from '#observability';

export interface ShutdownOptions {
  /** `SS_API` or `SS_WORKER`: what the events begin with. */
  events: string;
  logger: Logger;
  /** When to give up on closing and leave. */
  boundMs: number;
  /** Called once, with the first signal. */
  close: () => Promise<void>;
  /** The second signal: whoever sends it does not want to wait. A third ends the process at once. */
  hurry?: () => void;
}

/** Closes a program on SIGTERM or SIGINT, in bounded time. Exit code 0: all was closed; 1: not all. */
export function onShutdown({ events, logger, boundMs, close, hurry }: ShutdownOptions): void {
  let signals = 0;
  const shutDown = (signal: NodeJS.Signals | 'disconnect'): void => {
    signals += 1;
    if (signals === 2 && hurry) {
      logger.info({ event: `${events}_SHUTDOWN_HURRIED`, signal }, 'asked again: not waiting any longer');
      hurry();
    }
    if (signals > 2 || (signals === 2 && !hurry)) process.exit(1);
    if (signals > 1) return;
    logger.info({ event: `${events}_SHUTDOWN_REQUESTED`, signal, bound_ms: boundMs }, 'shutting down');
    setTimeout(() => {
      logger.error(
        { event: `${events}_SHUTDOWN_TIMED_OUT`, bound_ms: boundMs },
        'not everything was closed in time',
      );
      process.exit(1);
    }, boundMs).unref();
    close().then(
      () => {
        logger.info({ event: `${events}_SHUTDOWN_COMPLETE` }, 'closed');
        process.exit(0);
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
