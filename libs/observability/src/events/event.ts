import type { EventField } from './event-fields.js';

/** The levels that an event may have; which of them, the sentence about it says. */
export type EventLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** An event of the log, as operators search for it. */
export interface EventKind {
  levels: readonly EventLevel[];
  means: string;
  /** What stands in its line beside time, level, program, message and the ids that apply. */
  fields: readonly EventField[];
}

/** One line of the vocabulary. */
export function told(
  levels: EventLevel | readonly EventLevel[],
  means: string,
  ...fields: readonly EventField[]
): EventKind {
  return { levels: typeof levels === 'string' ? [levels] : levels, means, fields };
}
