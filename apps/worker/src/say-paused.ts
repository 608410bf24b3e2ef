import type { Logger } from '#observability';
import type { QueueSettings } from '#queue';

/** Says once that a queue is paused, and once that it goes on: a worker that takes nothing is well all the same. */
export function sayPaused(logger: Logger): NonNullable<QueueSettings['onPause']> {
  return (queue, pause) => {
    if (pause) {
      // Not the reason: it is free text. `ssctl queue list` tells it.
      const facts = { queue, since: pause.paused_at, paused_by: pause.paused_by };
      logger.info({ event: 'SS_QUEUE_PAUSED', ...facts }, 'the queue is paused: nothing is taken from it');
    } else {
      logger.info({ event: 'SS_QUEUE_RESUMED', queue }, 'the queue is not paused any more');
    }
  };
}
