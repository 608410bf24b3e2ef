import type { CallLedger } from '#llm';
import type { Logger } from '#observability';
import { Periodic } from './periodic.js';

const EVERY_MS = 60_000;

/** Closes calls to language models whose makers are gone; whoever asks again under their key does so as well. */
export function ledgerSweeper(ledger: CallLedger, logger: Logger, everyMs = EVERY_MS): Periodic {
  const work = async (): Promise<void> => {
    const calls = await ledger.closeAbandoned();
    if (calls === 0) return;
    logger.warn({ event: 'SS_LLM_CALLS_ABANDONED', calls }, 'calls whose maker is gone were closed');
  };
  return new Periodic({ name: 'llm.sweep', everyMs, work, logger });
}
