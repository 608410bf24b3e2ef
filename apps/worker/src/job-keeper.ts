import type { JobRetention, Removal } from '#jobs';
import { type Logger, metrics } from '#observability';
import { Periodic } from './periodic.js';

/** The walk through all folders looks for what crashes left behind: there is little of it, and no hurry. */
const FILES_EVERY_MS = 24 * 3_600_000;

/** Removes what is kept no longer. Every worker does it; one at a time deletes. */
export class JobKeeper {
  private readonly periodic: Periodic;
  private readonly stopping = new AbortController();
  private walkedAt = -Infinity;

  constructor(
    private readonly jobs: JobRetention,
    everyMs: number,
    private readonly logger: Logger,
  ) {
    this.periodic = new Periodic({ name: 'jobs.keep', everyMs, work: () => this.remove(), logger });
  }

  start(): void {
    this.periodic.start();
  }

  /** The batch under way is the last. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.periodic.stop();
  }

  private async remove(): Promise<void> {
    const { signal } = this.stopping;
    this.tell(await this.jobs.deleteEnded(signal));
    if (performance.now() - this.walkedAt < FILES_EVERY_MS) return;
    this.walkedAt = performance.now();
    const { files, bytes } = await this.jobs.removeOwnerless(signal);
    this.tell({ jobs: 0, llm_calls: 0, idempotency_keys: 0, files, bytes });
  }

  private tell(removal: Removal): void {
    const { jobs, llm_calls, idempotency_keys, files } = removal;
    metrics.retentionRemoved.inc({ kind: 'job' }, jobs);
    metrics.retentionRemoved.inc({ kind: 'llm_call' }, llm_calls);
    metrics.retentionRemoved.inc({ kind: 'idempotency_key' }, idempotency_keys);
    metrics.retentionRemoved.inc({ kind: 'file' }, files);
    if (jobs + llm_calls + idempotency_keys + files === 0) return;
    this.logger.info({ event: 'SS_RETENTION_REMOVED', ...removal }, 'what was kept long enough is gone');
  }
}
