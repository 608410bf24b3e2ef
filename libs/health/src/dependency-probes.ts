import type { Logger } from '#observability';
import type { DependencyCheck } from './dependency-check.js';
import { DependencyProbe, type Finding } from './dependency-probe.js';
import { HealthLog } from './health-log.js';

/** Every dependency of a program, each looked at for itself: one that hangs does not hold back what others tell. */
export class DependencyProbes {
  private readonly probes: readonly DependencyProbe[];

  constructor(checks: readonly DependencyCheck[], logger: Logger) {
    const log = new HealthLog(logger);
    this.probes = checks.map(
      (check) =>
        new DependencyProbe(check, (name, finding) => {
          log.note(name, finding);
        }),
    );
  }

  async ask(): Promise<(Finding & { name: string })[]> {
    return Promise.all(this.probes.map(async (probe) => ({ name: probe.name, ...(await probe.ask()) })));
  }
}
