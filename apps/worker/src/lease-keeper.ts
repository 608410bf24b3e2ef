import { type JobRuns, type Lease, StaleLease } from '#jobs';
import type { Logger } from '#observability';

/** Why a run was told to end. */
export type EndReason = 'lease_lost' | 'shutdown';

interface Held {
  lease: Lease;
  controller: AbortController;
  renewedAt: number;
}

/**
 * Renews the leases of this process, all in one statement, and tells a run to end when its lease is lost: taken
 * by the sweep, ended by a cancel, or not renewed for so long that it may have been.
 */
export class LeaseKeeper {
  private readonly held = new Map<string, Held>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly runs: JobRuns,
    private readonly heartbeatMs: number,
    private readonly leaseMs: number,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.beat(), this.heartbeatMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Keeps the lease until `release`. The signal fires, with an {@link EndReason}, when the run has to end. */
  keep(lease: Lease): AbortSignal {
    const controller = new AbortController();
    this.held.set(lease.runId, { lease, controller, renewedAt: performance.now() });
    return controller.signal;
  }

  release(lease: Lease): void {
    this.held.delete(lease.runId);
  }

  /** Tells every run that is left to end, because the program does. */
  interruptAll(): void {
    for (const { controller } of this.held.values()) controller.abort('shutdown' satisfies EndReason);
  }

  private async beat(): Promise<void> {
    const asked = [...this.held.values()];
    if (asked.length === 0) return;
    const sentAt = performance.now();
    try {
      const renewed = await this.runs.renew(asked.map(({ lease }) => lease));
      for (const held of asked) {
        if (renewed.has(held.lease.runId)) held.renewedAt = sentAt;
        else this.lose(held);
      }
    } catch (error) {
      this.logger.warn(
        { event: 'SS_WORKER_RENEWAL_FAILED', leases: asked.length, err: error },
        'leases were not renewed',
      );
    }
    for (const held of asked) {
      if (performance.now() - held.renewedAt > this.leaseMs) this.lose(held);
    }
  }

  private lose({ lease, controller }: Held): void {
    // Settled while the renewal was on its way: nothing is lost.
    if (!this.held.has(lease.runId) || controller.signal.aborted) return;
    const { message } = new StaleLease(lease);
    this.logger.warn(
      {
        event: 'SS_WORKER_STALE_LEASE',
        tenant_id: lease.tenantId,
        job_id: lease.jobId,
        run_id: lease.runId,
        lease_no: lease.leaseNo,
      },
      message,
    );
    controller.abort('lease_lost' satisfies EndReason);
  }
}
