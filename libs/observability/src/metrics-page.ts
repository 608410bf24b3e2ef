import { collectDefaultMetrics, type Registry } from 'prom-client';
import { metrics } from './metrics.js';
import { tellZeros } from './metrics/zeros.js';
import { systemMetrics } from './metrics/system-metrics.js';
import { type MetricsProgram, registries } from './metrics/registries.js';
import { release } from './release.js';

/** Node's own that are named against the conventions: no counters, and called `_total`. Others tell the same by kind. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

const looks = new Set<() => void | Promise<void>>();
const counted = new Set<MetricsProgram>();

/** Looked at whenever somebody reads the page: for figures that are at hand in the process, and for nothing that waits. */
export function onScrape(look: () => void | Promise<void>): void {
  looks.add(look);
}

/** Until when this process speaks for the whole system. It says nothing of it before, and nothing after. */
let speaksUntil = -Infinity;

/** Tells the system's figures for so long; what is in the gauges must be fresh. 0: not any more. */
export function speakForSystem(forMs: number): void {
  speaksUntil = performance.now() + forMs;
  if (forMs <= 0) for (const metric of Object.values(systemMetrics)) metric.reset();
}

/** What a program tells of itself in the text format of Prometheus; and of the system, while it speaks for it. */
export class MetricsPage {
  private readonly own: Registry;

  constructor(program: MetricsProgram) {
    this.own = registries[program];
    metrics.buildInfo.set({ program, version: release() }, 1);
    // Node's own metrics are the process's: a second application in it would register them twice.
    if (counted.has(program)) return;
    counted.add(program);
    tellZeros();
    collectDefaultMetrics({ register: this.own });
    for (const name of MISNAMED) this.own.removeSingleMetric(name);
  }

  get contentType(): string {
    return this.own.contentType;
  }

  async render(): Promise<string> {
    await Promise.all([...looks].map(async (look) => look()));
    const own = await this.own.metrics();
    return performance.now() < speaksUntil ? `${own}\n${await registries.system.metrics()}` : own;
  }
}
