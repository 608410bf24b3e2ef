import type { ParkedJobs } from '#jobs';
import type { Logger } from '#observability';
import { Periodic } from './periodic.js';

/** How long a tenant may wait for a limit that was raised, or for a place of which nobody told its parked jobs. */
const EVERY_MS = 1_000;

/** Lets parked jobs back into the line when their tenant may have more running. Every worker does it. */
export function lettingInParked(parked: Pick<ParkedJobs, 'letIn'>, logger: Logger): Periodic {
  const work = async (): Promise<void> => {
    await parked.letIn();
  };
  return new Periodic({ name: 'queue.parked', everyMs: EVERY_MS, work, logger });
}
