import type { ArtifactStore } from '#artifacts';
import type { AuditSeal } from '#audit';
import type { Execution } from '#execution';
import { isUnavailable } from '#database';
import type { ClaimedRun, JobDrafting, JobRuns, LostRuns, WorkerIdentity } from '#jobs';
import type { ShutdownFacts } from '#health';
import { type Logger, metrics, onScrape } from '#observability';
import type { HeldMessage, Queue } from '#queue';
import { setTimeout as sleep } from 'node:timers/promises';
import { DraftHandler } from './draft.handler.js';
import type { LeaseKeeper } from './lease-keeper.js';
import { Periodic } from './periodic.js';
import { RunHandler, type RunSettings } from './run.handler.js';
import { SlotLoop } from './slot-loop.js';
import { Sweeper } from './sweeper.js';

export interface WorkerSettings extends RunSettings {
  /** Drafts have slots of their own, so that none waits behind a long run. */
  draftConcurrency: number;
  pollMs: number;
  sweepMs: number;
  heartbeatMs: number;
  sealMs: number;
}

export interface WorkerParts {
  identity: WorkerIdentity;
  runs: JobRuns;
  lost: LostRuns;
  seal: AuditSeal;
  leases: LeaseKeeper;
  drafting: JobDrafting;
  queue: Queue;
  execution: Execution;
  store: ArtifactStore;
  logger: Logger;
}

/** What is left after the grace: ending the children, settling, closing. */
export const CLOSING_MS = 15_000;
/** Beside a heartbeat, what others need to renew their leases once the database is back. */
const SWEEP_GRACE_MS = 2_000;

/** A worker: two loops that look for work, the leases of what is under way, and the sweep for what others lost. */
export class Worker {
  private readonly leases: LeaseKeeper;
  private readonly sweeper: Sweeper;
  private readonly sealing: Periodic;
  private readonly drafts: DraftHandler;
  private readonly runLoop: SlotLoop<ClaimedRun>;
  private readonly draftLoop: SlotLoop<HeldMessage>;
  private readonly identity: WorkerIdentity;
  private readonly runs: JobRuns;
  private readonly logger: Logger;
  /** A claim got no answer: it may have happened all the same. */
  private claimIsUncertain = false;

  constructor(
    { identity, runs, lost, seal, leases, drafting, queue, execution, store, logger }: WorkerParts,
    settings: WorkerSettings,
  ) {
    this.identity = identity;
    this.runs = runs;
    this.logger = logger;
    this.leases = leases;
    const graceMs = settings.heartbeatMs + SWEEP_GRACE_MS;
    this.sweeper = new Sweeper(lost, { everyMs: settings.sweepMs, graceMs }, logger);
    this.sealing = new Periodic({
      name: 'audit.seal',
      everyMs: settings.sealMs,
      work: async () => {
        const { segments, rows } = await seal.seal();
        if (rows > 0) logger.debug({ event: 'SS_AUDIT_SEALED', segments, rows }, 'sealed the audit');
      },
      logger,
    });
    this.drafts = new DraftHandler(drafting, logger);
    const runHandler = new RunHandler(runs, execution, store, leases, settings, logger);
    this.runLoop = new SlotLoop({
      name: 'job.run',
      slots: identity.slots,
      pollMs: settings.pollMs,
      take: (max) => this.claim(max),
      carryOut: (run) => runHandler.carryOut(run),
      logger,
    });
    this.draftLoop = new SlotLoop({
      name: 'job.draft',
      slots: settings.draftConcurrency,
      pollMs: settings.pollMs,
      take: async () => {
        const message = await queue.hold('job.draft');
        return message ? [message] : [];
      },
      carryOut: (message) => this.drafts.carryOut(message),
      logger,
    });
    for (const loop of [this.runLoop, this.draftLoop]) {
      queue.onWake(loop === this.runLoop ? 'job.run' : 'job.draft', () => {
        loop.wake();
      });
    }
  }

  start(): void {
    this.tellMetrics(1);
    onScrape(() => {
      metrics.inflightJobs.set({ worker_id: this.identity.workerId }, this.runLoop.busySlots);
    });
    this.leases.start();
    this.sweeper.start();
    this.sealing.start();
    this.runLoop.start();
    this.draftLoop.start();
  }

  /** How long ago each loop last looked for work with success, in milliseconds, by its name. */
  lookAges(): Readonly<Record<string, number>> {
    return {
      [this.runLoop.name]: this.runLoop.msSinceLastLook,
      [this.draftLoop.name]: this.draftLoop.msSinceLastLook,
    };
  }

  /**
   * Claims nothing more and lets what is under way end within the grace, or until `hurry`. What is left then is
   * ended and queued again, at no attempt's cost.
   */
  async drain(graceMs: number, hurry: AbortSignal): Promise<ShutdownFacts> {
    this.tellMetrics(0);
    await this.sweeper.stop();
    const runs = this.runLoop.busySlots;
    const drained = Promise.all([this.runLoop.stop(), this.draftLoop.stop()]);
    this.logger.info({ event: 'SS_WORKER_SHUTDOWN_DRAINING', runs, grace_ms: graceMs }, 'no more claims');
    await Promise.race([drained, sleep(graceMs, undefined, { signal: hurry }).catch(() => undefined)]);
    const interrupted = this.runLoop.busySlots;
    if (interrupted > 0) {
      this.logger.warn({ event: 'SS_WORKER_INTERRUPTING', runs: interrupted }, 'ending what still runs');
    }
    this.leases.interruptAll();
    this.drafts.interruptAll();
    await drained;
    await this.sealing.stop();
    await this.leases.stop();
    // What was interrupted is queued again: nothing is left undone by this worker.
    return { isDrained: true, facts: { runs, ended: runs - interrupted, interrupted } };
  }

  /** `up`: whether jobs are taken. */
  private tellMetrics(up: 0 | 1): void {
    metrics.workerUp.set({ worker_id: this.identity.workerId }, up);
    metrics.workerSlots.set(this.identity.slots);
  }

  private async claim(max: number): Promise<ClaimedRun[]> {
    try {
      if (this.claimIsUncertain) {
        const found = await this.runs.findUnknown(this.identity, this.leases.runIds);
        this.claimIsUncertain = false;
        // More than was asked for, perhaps: they are this worker's, and nobody else would carry them out.
        if (found.length > 0) return found;
      }
      return await this.runs.claim(this.identity, max);
    } catch (error) {
      if (isUnavailable(error)) this.claimIsUncertain = true;
      throw error;
    }
  }
}
