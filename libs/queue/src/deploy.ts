import { PgBoss } from 'pg-boss';
import { DEPLOY_PARKING } from './parking.sql.js';
import { DEPLOY_PLACES } from './place-in-line.sql.js';
import { DEAD_QUEUE, DEAD_QUEUE_OPTIONS, QUEUE_SCHEMA, QUEUES } from './queues.js';

const CONSUMERS = 'ss_api, ss_worker, ss_operator, ss_system';

/**
 * Makes and upgrades the tables of pg-boss and its queues as ss_owner, and lets the programs use them. Part
 * of `ssctl schema deploy`; may be run again at any time, also by several at once.
 */
export async function deployQueues(ownerUrl: string): Promise<void> {
  const boss = new PgBoss({
    connectionString: ownerUrl,
    application_name: 'ss-schema',
    options: '-c role=ss_owner -c TimeZone=UTC -c client_min_messages=warning',
    schema: QUEUE_SCHEMA,
    max: 2,
    supervise: false,
    schedule: false,
    migrate: true,
  });
  // Faults reach the caller through the promises below; without a listener they would end the process.
  boss.on('error', () => undefined);
  await boss.start();
  try {
    const present = new Set((await boss.getQueues()).map((queue) => queue.name));
    // First the queue that the others name.
    for (const [name, options] of [[DEAD_QUEUE, DEAD_QUEUE_OPTIONS] as const, ...Object.entries(QUEUES)]) {
      if (present.has(name)) await boss.updateQueue(name, changeable(options));
      else await boss.createQueue(name, options);
    }
    // Two who grant at once collide in the catalog; any number will do for the lock.
    await boss.getDb().executeSql(`
      SELECT pg_advisory_xact_lock(5302028);
      GRANT USAGE ON SCHEMA ${QUEUE_SCHEMA} TO ${CONSUMERS};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${QUEUE_SCHEMA} TO ${CONSUMERS};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${QUEUE_SCHEMA} TO ${CONSUMERS};
      GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${QUEUE_SCHEMA} TO ${CONSUMERS};
      ${DEPLOY_PLACES}
      ${DEPLOY_PARKING}`);
  } finally {
    await boss.stop({ graceful: false, timeout: 2_000 });
  }
}

/** What pg-boss lets one change of a queue that is there. */
function changeable<Options extends { policy: string; partition?: boolean }>({
  policy: _policy,
  partition: _partition,
  ...rest
}: Options): Omit<Options, 'policy' | 'partition'> {
  return rest;
}
