import { metrics, release } from '#observability';
import type { DynamicModule } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';

let areDefaultsCounted = false;

/** `GET /metrics` in the format of Prometheus. Without a key, like the probes: it names no tenant and no job. */
export function metricsModule(program: string): DynamicModule {
  metrics.buildInfo.set({ program, version: release() }, 1);
  // Node's own metrics are the process's: a second application in it would register them twice.
  const enabled = !areDefaultsCounted;
  areDefaultsCounted = true;
  return PrometheusModule.register({ defaultMetrics: { enabled } });
}
