import type { Lease, RunOutcome } from '#jobs';
import { type Logger, metrics } from '#observability';
import { Worker as Thread } from 'node:worker_threads';
import type { FromLeaseThread, LeaseThreadData, ToLeaseThread } from './lease-messages.js';
import { monotonicMs, SharedClocks } from './shared-clocks.js';

/**
 * Why a run was told to end. `cancelled` and `lease_lost`: somebody ended it, and nothing that the worker could say
 * counts any more. `lease_expired`: it could not be renewed in time, so somebody may. `shutdown`: this program ends.
 */
export type EndReason = 'cancelled' | 'lease_lost' | 'lease_expired' | 'shutdown';

/** A lease, and the trace of its job for the log. */
type TracedLease = Lease & { traceId?: string };

interface Held {
  lease: TracedLease;
  controller: AbortController;
  keptAt: number;
}

const CHECK_MS = 1_000;
const THREAD_STOP_MS = 5_000;

/**
 * Keeps the leases of this process and tells a run to end when its lease is gone. The renewing is done by a thread
 * with a connection of its own, all leases in one statement, so that leases do not run out while this thread is busy.
 */
export class LeaseKeeper {
  private readonly held = new Map<string, Held>();
  private readonly clocks = new SharedClocks();
  private thread: Thread | null = null;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly options: Omit<LeaseThreadData, 'clocks'>,
    private readonly logger: Logger,
    /** The compiled thread; another place than the neighbour of this file only in tests. */
    private readonly entry = new URL('./lease-thread.js', import.meta.url),
  ) {}

  start(): void {
    this.clocks.mainSeenAt = monotonicMs();
    this.startThread();
    this.timer = setInterval(() => {
      this.check();
    }, CHECK_MS);
  }

  /** Ends the thread, which says goodbye to the database. No lease is renewed any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    const { thread } = this;
    if (!thread) return;
    const ended = new Promise<void>((resolve) => {
      thread.once('exit', () => {
        resolve();
      });
    });
    this.post({ kind: 'stop' });
    const bound = setTimeout(() => void thread.terminate(), THREAD_STOP_MS);
    await ended;
    clearTimeout(bound);
  }

  /** Keeps the lease until `release`. The signal fires, with an {@link EndReason}, when the run has to end. */
  keep(lease: TracedLease): AbortSignal {
    const controller = new AbortController();
    this.held.set(lease.runId, { lease, controller, keptAt: monotonicMs() });
    this.post({ kind: 'keep', lease });
    return controller.signal;
  }

  release(lease: Lease): void {
    this.held.delete(lease.runId);
    this.post({ kind: 'release', runId: lease.runId });
  }

  get runIds(): string[] {
    return [...this.held.keys()];
  }

  /** Tells every run that is left to end, because the program does. */
  interruptAll(): void {
    for (const { controller } of this.held.values()) controller.abort('shutdown' satisfies EndReason);
  }

  /** Leases that nobody renewed for as long as they last may be another worker's by now. */
  private check(): void {
    const now = monotonicMs();
    this.clocks.mainSeenAt = now;
    for (const { lease, keptAt } of this.held.values()) {
      if (now - Math.max(keptAt, this.clocks.renewedAt) > this.options.leaseMs) {
        this.end(lease.runId, 'lease_expired');
      }
    }
  }

  private startThread(): void {
    const workerData: LeaseThreadData = { ...this.options, clocks: this.clocks.buffer };
    const thread = new Thread(this.entry, { workerData, name: 'leases' });
    this.thread = thread;
    thread.on('message', (message: FromLeaseThread) => {
      if (message.kind === 'lost') this.end(message.runId, reasonFor(message.outcome));
    });
    thread.on('error', (error) => {
      this.logger.error(
        { event: 'SS_WORKER_LEASE_THREAD_FAILED', err: error },
        'the lease thread is started anew',
      );
    });
    thread.once('exit', () => {
      this.thread = null;
      if (!this.stopped)
        setTimeout(() => {
          if (!this.stopped) this.startThread();
        }, CHECK_MS);
    });
    for (const { lease } of this.held.values()) this.post({ kind: 'keep', lease });
  }

  private post(message: ToLeaseThread): void {
    this.thread?.postMessage(message);
  }

  private end(runId: string, reason: EndReason): void {
    const held = this.held.get(runId);
    // Settled while the answer was on its way: nothing is lost.
    if (!held || held.controller.signal.aborted) return;
    const { tenantId, jobId, leaseNo, traceId } = held.lease;
    const ids = { tenant_id: tenantId, job_id: jobId, run_id: runId, lease_no: leaseNo };
    const facts = { ...ids, reason, ...(traceId === undefined ? {} : { trace_id: traceId }) };
    if (reason === 'cancelled')
      this.logger.info({ event: 'SS_WORKER_RUN_CANCELLED', ...facts }, 'ending the run');
    else {
      metrics.leasesLost.inc({ reason });
      this.logger.warn({ event: 'SS_WORKER_STALE_LEASE', ...facts }, 'stale_lease: ending the run');
    }
    held.controller.abort(reason);
  }
}

function reasonFor(outcome: RunOutcome | null): EndReason {
  return outcome === 'cancelled' ? 'cancelled' : 'lease_lost';
}
