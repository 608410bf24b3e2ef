import type { LostRuns } from '#jobs';
import type { Logger } from '#observability';
import { Periodic } from './periodic.js';

export interface SweeperOptions {
  everyMs: number;
  /** How long after the start, or after an outage, no lease is taken: others have to get a word in first. */
  graceMs: number;
}

/** Ends, now and then, what time has ended. Every worker does it; the rows decide who wins. */
export class Sweeper {
  private readonly periodic: Periodic;
  private reachedAt = performance.now();
  private mayTakeAt = Infinity;

  constructor(
    private readonly lost: LostRuns,
    private readonly options: SweeperOptions,
    private readonly logger: Logger,
  ) {
    const { everyMs } = options;
    this.periodic = new Periodic({ name: 'sweep', everyMs, work: () => this.sweep(), logger });
  }

  start(): void {
    this.mayTakeAt = performance.now() + this.options.graceMs;
    this.periodic.start();
  }

  async stop(): Promise<void> {
    await this.periodic.stop();
  }

  private async sweep(): Promise<void> {
    await this.expire();
    this.noticeOutage();
    if (performance.now() >= this.mayTakeAt) await this.abandon();
    this.reachedAt = performance.now();
  }

  /** While the database was away nobody could renew: leases that ran out then say nothing about their workers. */
  private noticeOutage(): void {
    const now = performance.now();
    if (now - this.reachedAt > 2 * this.options.everyMs) this.mayTakeAt = now + this.options.graceMs;
    this.reachedAt = now;
  }

  private async abandon(): Promise<void> {
    for (const { tenantId, jobId, runId, leaseNo, status, traceId } of await this.lost.abandon()) {
      const facts = {
        tenant_id: tenantId,
        job_id: jobId,
        run_id: runId,
        lease_no: leaseNo,
        job_status: status,
        trace_id: traceId,
      };
      this.logger.warn({ event: 'SS_WORKER_RUN_LOST', ...facts }, 'the worker of this run is gone');
    }
  }

  private async expire(): Promise<void> {
    for (const { tenantId, jobId, traceId } of await this.lost.expire()) {
      const facts = { tenant_id: tenantId, job_id: jobId, trace_id: traceId };
      this.logger.info({ event: 'SS_WORKER_JOB_EXPIRED', ...facts }, 'the job waited past its time');
    }
  }
}
