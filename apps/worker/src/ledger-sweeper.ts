import type { CallLedger } from '#llm';
import type { Logger } from '#observability';

const EVERY_MS = 60_000;

/** Closes calls to language models whose makers are gone; whoever asks again under their key does so as well. */
export class LedgerSweeper {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly ledger: CallLedger,
    private readonly logger: Logger,
    private readonly everyMs = EVERY_MS,
  ) {}

  start(): void {
    void this.sweep();
    this.timer = setInterval(() => void this.sweep(), this.everyMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async sweep(): Promise<void> {
    try {
      const calls = await this.ledger.closeAbandoned();
      if (calls === 0) return;
      this.logger.warn({ event: 'SS_LLM_CALLS_ABANDONED', calls }, 'calls whose maker is gone were closed');
    } catch (error) {
      this.logger.warn({ event: 'SS_LLM_SWEEP_FAILED', err: error }, 'could not look for abandoned calls');
    }
  }
}
