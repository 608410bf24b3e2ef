import type { Logger } from '#observability';
import type { Finding } from './dependency-probe.js';

/** Says once that something went down, and once that it is back: not with every probe. */
export class HealthLog {
  private readonly down = new Map<string, string>();

  constructor(private readonly logger: Logger) {}

  note(dependency: string, { cause, error, latencyMs }: Finding): void {
    const before = this.down.get(dependency) ?? null;
    if (cause === before) return;
    if (cause === null) {
      this.down.delete(dependency);
      this.logger.info({ event: 'SS_HEALTH_DEPENDENCY_UP', dependency, after: before }, 'up again');
      return;
    }
    this.down.set(dependency, cause);
    // Where no word was found for it, this is the only place that tells what happened.
    const unknown = cause === 'failed' ? { err: error } : {};
    this.logger.warn(
      { event: 'SS_HEALTH_DEPENDENCY_DOWN', dependency, cause, duration_ms: latencyMs, ...unknown },
      'not ready for work',
    );
  }
}
