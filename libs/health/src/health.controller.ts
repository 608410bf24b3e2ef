import {
  Controller,
  Get,
  HttpException,
  HttpStatus,
  Inject,
  ServiceUnavailableException,
} from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { causeOf } from '#database';
import { DEPENDENCY_CHECKS, type DependencyCheck } from './dependency-check.js';
import { Drain } from './drain.js';

/** A slow dependency must not hold a probe longer than orchestrators wait. */
const CHECK_TIMEOUT_MS = 2_000;
/** A storm of probes is one check. */
const CACHE_MS = 500;

/** Probes. Neither asks for a key, and neither tells more than names and causes. */
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly drain: Drain,
    @Inject(DEPENDENCY_CHECKS) private readonly dependencies: readonly DependencyCheck[],
  ) {}

  /** The process answers: that is all. It stays healthy when a dependency fails and while the program drains. */
  @Get('live')
  async live(): Promise<object> {
    return this.health.check([() => this.indicators.check('process').up()]);
  }

  /** The program can do its work now; 503 names what it lacks. */
  @Get('ready')
  async ready(): Promise<object> {
    try {
      return await this.health.check([
        () => {
          const indicator = this.indicators.check('accepting_work');
          return this.drain.hasBegun ? indicator.down('shutting down') : indicator.up();
        },
        ...this.dependencies.map(
          (dependency) => () =>
            this.indicators
              .check(dependency.name)
              .attempt(async () => {
                await said(dependency.check());
                return { ...dependency.details?.() };
              })
              .withTimeout(CHECK_TIMEOUT_MS)
              .cacheFor(CACHE_MS),
        ),
      ]);
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      throw new NotReady(error.getResponse());
    }
  }
}

/** Readiness is open to everybody: of an outage it tells the cause in a word, not the address that was tried. */
async function said(check: Promise<void>): Promise<void> {
  await check.catch((error: unknown) => {
    const cause = causeOf(error);
    throw cause === null ? error : new Error(cause, { cause: error });
  });
}

/** Carries the answer of a readiness check past whatever shapes other errors. */
export class NotReady extends HttpException {
  constructor(readonly report: string | object) {
    super(report, HttpStatus.SERVICE_UNAVAILABLE);
  }
}
