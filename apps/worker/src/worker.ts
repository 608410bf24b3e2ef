import type { ArtifactStore } from '#artifacts';
import type { Execution } from '#execution';
import type { ClaimedRun, JobDrafting, JobRuns, WorkerIdentity } from '#jobs';
import type { Logger } from '#observability';
import type { HeldMessage, Queue } from '#queue';
import { setTimeout as sleep } from 'node:timers/promises';
import { DraftHandler } from './draft.handler.js';
import { LeaseKeeper } from './lease-keeper.js';
import { RunHandler, type RunSettings } from './run.handler.js';
import { SlotLoop } from './slot-loop.js';
import { Sweeper } from './sweeper.js';

export interface WorkerSettings extends RunSettings {
  concurrency: number;
  pollMs: number;
  leaseMs: number;
  heartbeatMs: number;
  sweepMs: number;
}

export interface WorkerParts {
  identity: WorkerIdentity;
  runs: JobRuns;
  drafting: JobDrafting;
  queue: Queue;
  execution: Execution;
  store: ArtifactStore;
  logger: Logger;
}

/** Drafting by rules takes milliseconds; a slot of its own keeps it from waiting behind long runs. */
const DRAFT_SLOTS = 1;

/** A worker: two loops that look for work, the leases of what is under way, and the sweep for what others lost. */
export class Worker {
  private readonly leases: LeaseKeeper;
  private readonly sweeper: Sweeper;
  private readonly drafts: DraftHandler;
  private readonly runLoop: SlotLoop<ClaimedRun>;
  private readonly draftLoop: SlotLoop<HeldMessage>;
  private readonly logger: Logger;

  constructor(
    { identity, runs, drafting, queue, execution, store, logger }: WorkerParts,
    settings: WorkerSettings,
  ) {
    this.logger = logger;
    this.leases = new LeaseKeeper(runs, settings.heartbeatMs, settings.leaseMs, logger);
    this.sweeper = new Sweeper(runs, settings.sweepMs, logger);
    this.drafts = new DraftHandler(drafting, logger);
    const runHandler = new RunHandler(runs, execution, store, this.leases, settings, logger);
    this.runLoop = new SlotLoop({
      name: 'job.run',
      slots: settings.concurrency,
      pollMs: settings.pollMs,
      take: (max) => runs.claim(identity, max),
      carryOut: (run) => runHandler.carryOut(run),
      logger,
    });
    this.draftLoop = new SlotLoop({
      name: 'job.draft',
      slots: DRAFT_SLOTS,
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
    this.leases.start();
    this.sweeper.start();
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
  async drain(graceMs: number, hurry: AbortSignal): Promise<void> {
    this.sweeper.stop();
    const drained = Promise.all([this.runLoop.stop(), this.draftLoop.stop()]);
    this.logger.info(
      { event: 'SS_WORKER_DRAINING', runs: this.runLoop.busySlots, grace_ms: graceMs },
      'no more claims',
    );
    await Promise.race([drained, sleep(graceMs, undefined, { signal: hurry }).catch(() => undefined)]);
    if (this.runLoop.busySlots > 0) {
      this.logger.warn(
        { event: 'SS_WORKER_INTERRUPTING', runs: this.runLoop.busySlots },
        'ending what still runs',
      );
    }
    this.leases.interruptAll();
    this.drafts.interruptAll();
    await drained;
    this.leases.stop();
  }
}
