import type { Logger } from '#observability';
import type { Queue } from '#queue';
import { Periodic } from './periodic.js';

/** How long a job whose time has come may stand behind all others for want of a turn. Where nobody waits, none is needed. */
const EVERY_MS = 1_000;
/** Turns that say nothing any more are few and small. */
const FORGET_EVERY = 60;

/** Gives messages their turn when their time has come. Every worker does it. */
export function turnGiver(
  queue: Pick<Queue, 'giveTurnsToDue' | 'forgetPassedTurns'>,
  logger: Logger,
  everyMs = EVERY_MS,
): Periodic {
  let looks = 0;
  const work = async (): Promise<void> => {
    await queue.giveTurnsToDue();
    looks += 1;
    if (looks % FORGET_EVERY === 0) await queue.forgetPassedTurns();
  };
  return new Periodic({ name: 'queue.turns', everyMs, work, logger });
}
