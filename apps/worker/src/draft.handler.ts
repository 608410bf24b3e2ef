import type { JobDrafting } from '#jobs';
import { annotate, continuing, type Logger, messagingAttributes, span } from '#observability';
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
    const attributes = {
      ...messagingAttributes('job.draft', 'process'),
      ...{ 'ss.tenant_id': message.tenantId, 'ss.job_id': message.jobId },
    };
    const options = { kind: 'consumer', ...continuing(message.trace), attributes } as const;
    await span('process job.draft', options, () => this.carryOutWithin(message));
  }

  private async carryOutWithin(message: HeldMessage): Promise<void> {
    const log = this.logger.child({
      tenant_id: message.tenantId,
      job_id: message.jobId,
      ...(message.trace ? { trace_id: message.trace.trace_id } : {}),
    });
    log.info({ event: 'SS_DRAFT_START' }, 'drafting');
    const signal = AbortSignal.any([this.shutdown.signal, AbortSignal.timeout(DRAFT_TIMEOUT_MS)]);
    try {
      const outcome = await this.drafting.carryOut(message, signal);
      annotate({ 'ss.outcome': outcome });
      log.info({ event: 'SS_DRAFT_DONE', outcome }, 'drafting ended');
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
