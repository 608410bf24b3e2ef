import type { ArtifactStore } from '#artifacts';
import { assertSchema, type Database, type Scope } from '#database';
import { HealthModule, metricsModule } from '#health';
import type { Queue } from '#queue';
import { type DynamicModule, Module } from '@nestjs/common';

export interface WorkerHealth {
  database: Database;
  queue: Queue;
  store: ArtifactStore;
  scope: Scope;
  /** The breaker of each language model; null when none is configured. */
  breakers: () => Readonly<Record<string, unknown>>[] | null;
  /** How long ago each loop last looked for work with success, by its name. */
  lookAges: () => Readonly<Record<string, number>>;
  maxLookAgeMs: number;
}

/** The worker's only HTTP: its probes and its metrics. */
@Module({})
export class WorkerModule {
  static register({
    database,
    queue,
    store,
    scope,
    breakers,
    lookAges,
    maxLookAgeMs,
  }: WorkerHealth): DynamicModule {
    return {
      module: WorkerModule,
      imports: [
        metricsModule('worker'),
        HealthModule.register({
          useFactory: () => [
            { name: 'database', check: () => database.ping() },
            { name: 'schema', check: () => assertSchema(database, scope) },
            { name: 'queue', check: () => queue.probe() },
            { name: 'artifacts', check: () => store.probe() },
            {
              // Says how it is and never fails: a worker whose model is away can run, and drafts tell for themselves.
              name: 'language_model',
              check: () => Promise.resolve(),
              details: () => {
                const providers = breakers();
                return providers ? { providers } : { configured: false };
              },
            },
            {
              name: 'claim_loop',
              check: () => {
                const slow = Object.entries(lookAges()).filter(([, age]) => age > maxLookAgeMs);
                if (slow.length > 0) {
                  const ages = slow.map(([name, age]) => `${name} ${String(Math.round(age / 1_000))} s ago`);
                  return Promise.reject(new Error(`last looked for work: ${ages.join(', ')}`));
                }
                return Promise.resolve();
              },
            },
          ],
        }),
      ],
    };
  }
}
