import { getConstructionPlans } from 'pg-boss';
import { QUEUE_SCHEMA } from './queues.js';

/** The version of pg-boss's tables that this release works with. pg-boss tells it in the SQL that makes them. */
export function queueSchemaVersion(): number {
  const [, version] =
    /INTO \w+\.version\s*\(version\) VALUES \('(\d+)'\)/.exec(getConstructionPlans(QUEUE_SCHEMA)) ?? [];
  if (version === undefined) throw new Error('pg-boss does not tell the version of its tables any more');
  return Number(version);
}
