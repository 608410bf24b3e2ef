import type { ArtifactStore } from '#artifacts';
import { assertSchema, type Database, type Scope } from '#database';
import type { Queue } from '#queue';
import type { DependencyCheck } from './dependency-check.js';
import { toldOf, Unhealthy } from './health-cause.js';

export interface ProgramDependencies {
  database: Database;
  queue: Queue;
  store: ArtifactStore;
  scope: Scope;
}

/** What no program of ours can work without: it writes to the database, whose schema it knows, to queue and store. */
export function programChecks({ database, queue, store, scope }: ProgramDependencies): DependencyCheck[] {
  return [
    { name: 'database', check: () => database.ping() },
    { name: 'schema', check: () => assertSchema(database, scope) },
    { name: 'queue', check: () => queue.probe() },
    { name: 'artifacts', check: () => storeTakesFiles(store) },
  ];
}

async function storeTakesFiles(store: ArtifactStore): Promise<void> {
  await store.probe().catch((error: unknown) => {
    const { cause } = toldOf(error);
    throw cause === 'failed'
      ? error
      : new Unhealthy(cause, `no file can be written: ${cause}`, { cause: error });
  });
}
