import type { JobRuns } from '#jobs';
import type { Logger } from '#observability';

/** Queues again, now and then, the jobs whose workers are gone. Every worker does it; the rows decide who wins. */
export class Sweeper {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly runs: JobRuns,
    private readonly everyMs: number,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.sweep(), this.everyMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async sweep(): Promise<void> {
    try {
      for (const lease of await this.runs.sweep()) {
        this.logger.warn(
          {
            event: 'SS_WORKER_RUN_LOST',
            tenant_id: lease.tenantId,
            job_id: lease.jobId,
            run_id: lease.runId,
            lease_no: lease.leaseNo,
          },
          'the worker of this run is gone; the job is queued again',
        );
      }
    } catch (error) {
      this.logger.warn({ event: 'SS_WORKER_SWEEP_FAILED', err: error }, 'could not look for lost runs');
    }
  }
}
