import type { TaskProgress, TaskRounds } from '#jobs';
import type { Logger } from '#observability';
import { Periodic } from './periodic.js';

const EVERY_MS = 1_000;
const FORGET_EVERY_MS = 3_600_000;

/** Carries out tasks over many jobs, a batch of each in turn. Every worker does it; the rows decide who has which. */
export class TaskWorker {
  private readonly periodic: Periodic;
  private isStopping = false;
  private forgotAt = -Infinity;

  constructor(
    private readonly rounds: TaskRounds,
    private readonly logger: Logger,
  ) {
    this.periodic = new Periodic({ name: 'tasks', everyMs: EVERY_MS, work: () => this.work(), logger });
  }

  start(): void {
    this.periodic.start();
  }

  /** The batch under way is the last. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.periodic.stop();
  }

  private async work(): Promise<void> {
    while (await this.round());
    if (performance.now() - this.forgotAt < FORGET_EVERY_MS) return;
    this.forgotAt = performance.now();
    await this.rounds.forgetOld();
  }

  /** Tells whether another round is worth it at once. */
  private async round(): Promise<boolean> {
    let isOn = false;
    for await (const progress of this.rounds.round()) {
      this.tell(progress);
      isOn ||= progress.isOn && progress.task.ended_at === null;
      if (this.isStopping) return false;
    }
    return isOn;
  }

  private tell({ task, fault }: TaskProgress): void {
    const { tenant_id, task_id, moved_jobs: jobs, refused_jobs, move, failed_batches } = task;
    const facts = { tenant_id, task_id, move, jobs, refused_jobs };
    if (fault) {
      const failure = { ...facts, failed_batches, err: fault };
      if (task.ended_at === null)
        this.logger.warn({ event: 'SS_WORKER_TASK_BATCH_FAILED', ...failure }, 'will be tried again');
      else this.logger.error({ event: 'SS_WORKER_TASK_FAILED', ...failure }, 'a task over many jobs failed');
    } else if (task.ended_at !== null)
      this.logger.info({ event: 'SS_WORKER_TASK_DONE', ...facts }, 'a task over many jobs is done');
  }
}
