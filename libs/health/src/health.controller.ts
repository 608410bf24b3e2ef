import {
  Controller,
  Get,
  Header,
  HttpException,
  HttpStatus,
  ServiceUnavailableException,
} from '@nestjs/common';
import { HealthCheckService, type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { setImmediate as turnOfLoop } from 'node:timers/promises';
import type { Finding } from './dependency-probe.js';
import { DependencyProbes } from './dependency-probes.js';
import { Drain } from './drain.js';
import type { HealthCause } from './health-cause.js';
import type { HealthReport } from './health-report.js';
import { Startup } from './startup.js';

/** What is shown of a finding. */
type Shown = Omit<Finding, 'error'> & { name: string };

/** Probes. None asks for a key, and none tells more than names, causes and times. */
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly startup: Startup,
    private readonly drain: Drain,
    private readonly dependencies: DependencyProbes,
  ) {}

  /**
   * The process answers: that is all. It stays healthy when a dependency fails and while the program drains. A loop
   * that is blocked does not get here; for how long others kept it busy is the latency.
   */
  @Get('live')
  @Header('Cache-Control', 'no-store')
  async live(): Promise<HealthReport> {
    const begun = performance.now();
    await turnOfLoop();
    return this.report([
      { ...ofNow('process'), latencyMs: Math.round((performance.now() - begun) * 10) / 10 },
    ]);
  }

  /** The program has begun its work: 503 until then, and never again. */
  @Get('startup')
  @Header('Cache-Control', 'no-store')
  async started(): Promise<HealthReport> {
    return this.report([
      this.startup.isComplete ? ofNow('startup') : ofNow('startup', 'not_started', 'still starting'),
    ]);
  }

  /** The program can do its work now; 503 names what it lacks. */
  @Get('ready')
  @Header('Cache-Control', 'no-store')
  async ready(): Promise<HealthReport> {
    const leaves = this.drain.hasBegun;
    const accepting = leaves
      ? ofNow('accepting_work', 'shutting_down', 'shutting down')
      : ofNow('accepting_work');
    return this.report([accepting, ...(await this.dependencies.ask())]);
  }

  /** Throws {@link NotReady} when something is down. */
  private async report(all: readonly Shown[]): Promise<HealthReport> {
    const result: object = await this.health
      .check(all.map((shown) => () => this.indicatorOf(shown)))
      .catch((error: unknown) => {
        if (!(error instanceof ServiceUnavailableException)) throw error;
        // Terminus puts its result there.
        return error.getResponse() as object;
      });
    // What Terminus hands back is what `indicatorOf` gave it.
    const { info, error, details } = result as Pick<HealthReport, 'info' | 'error' | 'details'>;
    // Not its status: it knows of a shutdown once the listener closes, which is no matter of liveness.
    const isDown = Object.keys(error).length > 0;
    const checkedAt = new Date().toISOString();
    const report: HealthReport = {
      ...{ status: isDown ? 'error' : 'ok', checked_at: checkedAt },
      ...{ info, error, details },
    };
    if (isDown) throw new NotReady(report);
    return report;
  }

  private indicatorOf({ name, cause, message, latencyMs, checkedAt, details }: Shown): HealthIndicatorResult {
    const facts = { latency_ms: latencyMs, checked_at: checkedAt, cause };
    const indicator = this.indicators.check(name);
    return cause === null
      ? indicator.up({ ...details, ...facts })
      : indicator.down({ ...details, ...facts, message });
  }
}

/** What the process knows of itself needs no look. */
function ofNow(name: string, cause: HealthCause | null = null, message: string | null = null): Shown {
  return { name, cause, message, latencyMs: 0, checkedAt: new Date().toISOString(), details: {} };
}

/** Carries the answer of a probe past whatever shapes other errors. */
export class NotReady extends HttpException {
  constructor(readonly report: HealthReport) {
    super(report, HttpStatus.SERVICE_UNAVAILABLE);
  }
}
