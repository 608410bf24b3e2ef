import { MetricsPage, type MetricsProgram } from '#observability';
import { Controller, type DynamicModule, Get, Header, type Type } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';

/** `GET /metrics` in the format of Prometheus. Without a key, like the probes. */
export function metricsModule(program: MetricsProgram): DynamicModule {
  return PrometheusModule.register({
    controller: controllerOf(new MetricsPage(program)),
    defaultMetrics: { enabled: false },
  });
}

function controllerOf(page: MetricsPage): Type<object> {
  @Controller()
  class MetricsController {
    @Get()
    @Header('Content-Type', page.contentType)
    async index(): Promise<string> {
      return page.render();
    }
  }
  return MetricsController;
}
