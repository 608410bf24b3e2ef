import type { PrintedLines } from '#execution';
import type { ClaimedRun, JobRuns } from '#jobs';

/**
 * Tells those who follow what a step prints, one write after the other. Lines that cannot be written are left out: they
 * are in the files that the step keeps, and no step waits or fails for who listens.
 */
export class PrintedTeller {
  private last: Promise<void> = Promise.resolve();

  constructor(
    private readonly runs: Pick<JobRuns, 'tellPrinted'>,
    private readonly run: ClaimedRun,
    private readonly stepId: string,
  ) {}

  take(printed: PrintedLines): void {
    this.last = this.last.then(() =>
      this.runs.tellPrinted(this.run, this.stepId, printed).catch(() => undefined),
    );
  }

  /** Resolves when everything is told: so that it stands before the end of the step. */
  async settled(): Promise<void> {
    await this.last;
  }
}
