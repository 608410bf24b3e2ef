import type { JobDrafting } from '#jobs';
import type { Logger } from '#observability';
import type { HeldMessage } from '#queue';

/**
 * Shorter than the message's expiry (libs/queue), so that two workers never draft one job at a time; longer than
 * SS_LLM_TOTAL_SECONDS may be, and the checks of what a model answered.
 */
const DRAFT_TIMEOUT_MS = 170_000;

/** Makes one draft that was asked for. */
export class DraftHandler {
  private readonly shutdown = new AbortController();

  constructor(
    private readonly drafting: JobDrafting,
    private readonly logger: Logger,
  ) {}

  async carryOut(message: HeldMessage): Promise<void> {
    const log = this.logger.child({ tenant_id: message.tenantId, job_id: message.jobId });
    log.info({ event: 'SS_DRAFT_START' }, 'drafting');
    const signal = AbortSignal.any([this.shutdown.signal, AbortSignal.timeout(DRAFT_TIMEOUT_MS)]);
    try {
      const result = await this.drafting.carryOut(message, signal);
      log.info({ event: 'SS_DRAFT_DONE', result }, 'drafting ended');
    } catch (error) {
      if (!this.shutdown.signal.aborted) throw error;
      await this.drafting.handBack(message);
      log.info(
        { event: 'SS_DRAFT_INTERRUPTED' },
        'drafting was ended by the shutdown; another worker makes it',
      );
    }
  }

  /** Lets go of drafts under way; their messages go back to the queue. */
  interruptAll(): void {
    this.shutdown.abort();
  }
}
