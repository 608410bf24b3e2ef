import { type EventKind, told } from './event.js';

const CALL = ['operation', 'provider', 'model', 'attempt', 'timeout_seconds'] as const;

/** What is said of requests to language models; never what was asked or answered. */
export const LLM_EVENTS = {
  SS_LLM_CALL_START: told('info', 'A language model is asked.', ...CALL),
  SS_LLM_CALL_DONE: told(
    'info',
    'It answered.',
    ...CALL,
    ...(['tokens_in', 'tokens_out', 'is_stored'] as const),
  ),
  SS_LLM_CALL_TIMEOUT: told('warn', 'It did not answer in time.', ...CALL, 'will_retry', 'error_type'),
  SS_LLM_CALL_PROVIDER_ERROR: told(
    'warn',
    'It gave no answer that can be used.',
    ...CALL,
    'will_retry',
    'error_type',
  ),
  SS_LLM_CALL_FAILED: told(
    'warn',
    'The question is given up for now.',
    ...(['operation', 'attempts', 'error_type', 'will_retry'] as const),
  ),
  SS_LLM_CALL_LATE: told('info', 'An answer came too late and is ignored.', 'operation'),
  SS_LLM_CALLS_ABANDONED: told('warn', 'Calls whose maker is gone were closed.', 'calls'),
  SS_LLM_BREAKER: told(
    ['info', 'warn'],
    'The circuit breaker of a provider changed; WARN: it is left alone for a while.',
    'provider',
    'state',
  ),
  SS_LLM_LEDGER_FAILED: told('error', 'A late answer could not be recorded.', 'operation', 'err'),
} as const satisfies Record<`SS_${string}`, EventKind>;
