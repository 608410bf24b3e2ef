import { type Logger, metrics } from '#observability';
import { CallEvents } from './call-events.js';
import type { CallLedger } from './call-ledger.js';
import { CALL_POLICY, type CallPolicy } from './call-policy.js';
import { type Clock, realClock } from './clock.js';
import type { CallParts } from './call-parts.js';
import { Conversation } from './conversation.js';
import type { Talk } from './talk.js';
import { LateAnswers } from './late-answers.js';
import type { Model } from './model.js';
import type { Prices } from './prices.js';
import { type BreakerState, Provider } from './provider.js';

export interface ModelCallsOptions {
  ledger: CallLedger;
  /** In the order in which they are asked. */
  models: readonly Model[];
  policy?: Partial<CallPolicy>;
  prices?: Prices;
  clock?: Clock;
  logger: Logger;
}

/** The one way to a language model: bounded, on the books, and never paid twice. */
export class ModelCalls {
  private readonly parts: CallParts;

  constructor({ ledger, models, prices = {}, clock = realClock, logger, ...given }: ModelCallsOptions) {
    const policy = { ...CALL_POLICY, ...given.policy };
    const events = new CallEvents(logger);
    const providers = models.map(
      (model) =>
        new Provider(model, policy, ({ state }) => {
          events.breaker(model.provider, state);
          countBreaker(model.provider, state);
        }),
    );
    for (const { model, state } of providers) countBreaker(model.provider, state);
    const late = new LateAnswers(clock, policy.lateMs, policy.maxLate);
    this.parts = { ledger, providers, policy, prices, clock, events, late };
  }

  /** Begins to talk about one subject; the policy's total time runs from here. */
  begin(talk: Talk): Conversation {
    return new Conversation(this.parts, talk);
  }

  /** The state of each provider's breaker, for readiness and metrics. */
  breakers(): { provider: string; model: string; state: BreakerState }[] {
    return this.parts.providers.map(({ model, state }) => ({
      provider: model.provider,
      model: model.model,
      state,
    }));
  }

  /** Answers that are late and still waited for. */
  get lateAnswers(): number {
    return this.parts.late.size;
  }

  /** Resolves when no late answer is waited for any more. */
  async settled(): Promise<void> {
    await this.parts.late.settled();
  }

  /** Hangs up on every answer that is late. */
  async stop(): Promise<void> {
    await this.parts.late.stop();
  }
}

const STATE_NUMBERS = { closed: 0, half_open: 1, open: 2 } as const satisfies Record<BreakerState, number>;

function countBreaker(provider: string, state: BreakerState): void {
  metrics.llmBreaker.set({ provider }, STATE_NUMBERS[state]);
}
