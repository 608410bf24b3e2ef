import type { Logger } from '#observability';
import { type DynamicModule, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import type { DependencyCheck } from './dependency-check.js';
import { DependencyProbes } from './dependency-probes.js';
import { Drain } from './drain.js';
import { HealthController } from './health.controller.js';
import { Startup } from './startup.js';

/** Liveness, startup and readiness of one program. */
@Module({})
export class HealthModule {
  static register(checks: readonly DependencyCheck[], logger: Logger): DynamicModule {
    return {
      module: HealthModule,
      imports: [TerminusModule.forRoot({ logger: false })],
      controllers: [HealthController],
      providers: [
        Drain,
        Startup,
        { provide: DependencyProbes, useValue: new DependencyProbes(checks, logger) },
      ],
      exports: [Drain, Startup],
    };
  }
}
