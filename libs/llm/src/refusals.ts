import type { Instant } from '#database';
import { DomainError } from '#observability';

/** Every attempt that the policy allows was made, and none brought an answer that can be used. */
export class LlmCallFailed extends DomainError {
  readonly attempts: number;

  constructor(facts: { operation: string; attempts: number; error_type: string }, options?: ErrorOptions) {
    const tries = `${String(facts.attempts)} ${facts.attempts === 1 ? 'attempt' : 'attempts'}`;
    super(
      'LLM_CALL_FAILED',
      `The language model gave no answer that can be used, after ${tries} (the last: ${facts.error_type}).`,
      facts,
      [],
      options,
    );
    this.attempts = facts.attempts;
  }
}

/** The tenant has used up what it may use in a day. */
export class LlmBudgetExceeded extends DomainError {
  readonly resetsAt: Instant;

  constructor(facts: { budget: string; limit: number; used: number; resets_at: Instant }) {
    super(
      'LLM_BUDGET_EXCEEDED',
      `The day’s budget of ${facts.budget} for language models does not suffice for this call: ` +
        `${String(facts.used)} of ${String(facts.limit)} are used. It resets at ${facts.resets_at}.`,
      facts,
    );
    this.resetsAt = facts.resets_at;
  }
}

/** The provider wants to be left alone for longer than anyone should wait with a slot in hand. */
export class LlmCallPostponed extends DomainError {
  constructor(
    readonly notBefore: Instant,
    readonly reason: 'retry_after' | 'in_flight',
  ) {
    super('LLM_CALL_POSTPONED', `The language model is to be asked again, not before ${notBefore}.`, {
      not_before: notBefore,
      reason,
    });
  }
}
