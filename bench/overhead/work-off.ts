import { Deployment } from '#testing';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchDatabase } from '../place.js';

const LOOK_MS = 100;

/** From the first claim to the last end, by the database's clock. */
const SPAN = `
  SELECT count(*) FILTER (WHERE status = 'succeeded')::integer AS done, count(*)::integer AS jobs,
    extract(epoch FROM max(finished_at) - min(started_at))::float8 AS seconds
  FROM job`;

/** Has a real worker work off all that is queued. Answers jobs a second, from the first claim to the last end. */
export async function workOff(
  place: BenchDatabase,
  env: Readonly<Record<string, string>>,
  limitMs = 600_000,
): Promise<number> {
  const deployment = await Deployment.on(place, { SS_LOG_LEVEL: 'warn', ...env });
  try {
    await deployment.worker({ SS_LOG_LEVEL: 'info' });
    const until = Date.now() + limitMs;
    while (Date.now() < until) {
      await pause(LOOK_MS);
      const { rows } = await place.owner.query<{ done: number; jobs: number; seconds: number }>(SPAN);
      const [span] = rows;
      if (span && span.done === span.jobs) return span.jobs / span.seconds;
    }
    throw new Error('the worker did not come to the end of the queue');
  } finally {
    await deployment.close();
  }
}
