import type { Logger } from '#observability';
import type { BreakerState } from './provider.js';

/** What every event of a call tells. Never what was asked or answered. */
export interface CallFacts {
  call_id: string;
  operation: string;
  provider: string;
  model: string;
  attempt: number;
  timeout_seconds: number;
}

type Labels = Readonly<Record<string, string>>;

/** The log of calls: one place for the names that operators search for. */
export class CallEvents {
  constructor(private readonly logger: Logger) {}

  started(labels: Labels, facts: CallFacts): void {
    this.logger.info({ event: 'SS_LLM_CALL_START', ...labels, ...facts }, 'asking a language model');
  }

  timedOut(labels: Labels, facts: CallFacts & { will_retry: boolean }): void {
    const event = { event: 'SS_LLM_CALL_TIMEOUT', ...labels, ...facts, error_type: 'timeout' };
    this.logger.warn(event, 'the language model did not answer in time');
  }

  failedOnce(labels: Labels, facts: CallFacts & { will_retry: boolean; error_type: string }): void {
    const event = { event: 'SS_LLM_CALL_PROVIDER_ERROR', ...labels, ...facts };
    this.logger.warn(event, 'the language model gave no answer that can be used');
  }

  done(
    labels: Labels,
    facts: CallFacts & { tokens_in: number | null; tokens_out: number | null; is_stored: boolean },
  ): void {
    this.logger.info({ event: 'SS_LLM_CALL_DONE', ...labels, ...facts }, 'the language model answered');
  }

  failed(labels: Labels, facts: { operation: string; attempts: number; error_type: string }): void {
    const event = { event: 'SS_LLM_CALL_FAILED', ...labels, ...facts, will_retry: false };
    this.logger.warn(event, 'the language model is given up for now');
  }

  late(labels: Labels, facts: { call_id: string; operation: string }): void {
    this.logger.info({ event: 'SS_LLM_CALL_LATE', ...labels, ...facts }, 'an answer came too late; ignored');
  }

  breaker(provider: string, state: BreakerState): void {
    const event = { event: 'SS_LLM_BREAKER', provider, state };
    if (state === 'open')
      this.logger.warn(event, 'a provider failed too often and is left alone for a while');
    else this.logger.info(event, 'the breaker of a provider changed');
  }

  notRecorded(labels: Labels, facts: { call_id: string; operation: string }, error: unknown): void {
    const event = { event: 'SS_LLM_LEDGER_FAILED', ...labels, ...facts, err: error };
    this.logger.error(event, 'a late answer could not be recorded');
  }
}
