import { type DynamicModule, type FactoryProvider, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { DEPENDENCY_CHECKS, type DependencyCheck } from './dependency-check.js';
import { Drain } from './drain.js';
import { HealthController } from './health.controller.js';

/** Liveness and readiness for one program. */
@Module({})
export class HealthModule {
  static register(
    checks: Pick<FactoryProvider<readonly DependencyCheck[]>, 'inject' | 'useFactory'>,
  ): DynamicModule {
    return {
      module: HealthModule,
      imports: [TerminusModule.forRoot({ logger: false })],
      controllers: [HealthController],
      providers: [Drain, { provide: DEPENDENCY_CHECKS, ...checks }],
      exports: [Drain],
    };
  }
}
