import { Counter, Gauge, Histogram } from 'prom-client';
import { WORKER } from './registries.js';

/** What a worker tells of its calls to language models. provider: `main` or `fallback`. */
export const modelMetrics = {
  /** outcome: as in the ledger. */
  llmCalls: new Counter({
    name: 'ss_llm_calls_total',
    help: 'Requests to language models, by what became of them.',
    labelNames: ['provider', 'outcome'] as const,
    registers: WORKER,
  }),
  llmCallSeconds: new Histogram({
    name: 'ss_llm_call_duration_seconds',
    help: 'How long a language model took to answer, or until it was not waited for any more.',
    labelNames: ['provider'] as const,
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120],
    registers: WORKER,
  }),
  /** direction: in (what was asked), out (what was answered). */
  llmTokens: new Counter({
    name: 'ss_llm_tokens_total',
    help: 'Tokens that language models said they had counted.',
    labelNames: ['provider', 'direction'] as const,
    registers: WORKER,
  }),
  llmCost: new Counter({
    name: 'ss_llm_cost_total',
    help: 'What calls to language models cost, in the currency of SS_LLM_PRICES.',
    labelNames: ['provider'] as const,
    registers: WORKER,
  }),
  llmBreaker: new Gauge({
    name: 'ss_llm_breaker_state',
    help: 'The circuit breaker of a language model: 0 closed, 1 half open, 2 open.',
    labelNames: ['provider'] as const,
    registers: WORKER,
  }),
};
