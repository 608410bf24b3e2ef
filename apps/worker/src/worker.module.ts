import { HealthModule, metricsModule, type ProgramDependencies, programChecks } from '#health';
import type { Logger } from '#observability';
import { type DynamicModule, Module } from '@nestjs/common';
import { claimLoopCheck } from './claim-loop-check.js';

export interface WorkerHealth extends ProgramDependencies {
  /** The breaker of each language model; null when none is configured. */
  breakers: () => Readonly<Record<string, unknown>>[] | null;
  /** How long ago each loop last looked for work with success, by its name. */
  lookAges: () => Readonly<Record<string, number>>;
  maxLookAgeMs: number;
  logger: Logger;
  /** Whether `/metrics` is beside the probes. */
  servesMetrics: boolean;
}

/** The worker's only HTTP: its probes and its metrics. */
@Module({})
export class WorkerModule {
  static register({
    breakers,
    lookAges,
    maxLookAgeMs,
    servesMetrics,
    logger,
    ...dependencies
  }: WorkerHealth): DynamicModule {
    return {
      module: WorkerModule,
      imports: [
        ...(servesMetrics ? [metricsModule('worker')] : []),
        HealthModule.register(
          [
            ...programChecks(dependencies),
            {
              // Says how it is and never fails: a worker whose model is away can run, and drafts tell for themselves.
              name: 'language_model',
              check: () => Promise.resolve(),
              details: () => {
                const providers = breakers();
                return providers ? { providers } : { configured: false };
              },
            },
            claimLoopCheck(lookAges, maxLookAgeMs),
          ],
          logger,
        ),
      ],
    };
  }
}
