import { ConstantBackoff, handleWhenResult, retry } from 'cockatiel';
import type { CallFacts } from './call-events.js';
import { CallAttempt } from './call-attempt.js';
import type { CallKey, KeptAnswer } from './call-ledger.js';
import { backoffMs } from './call-policy.js';
import type { Talk } from './talk.js';
import type { ModelRequest } from './model.js';
import type { ModelFault } from './model-fault.js';
import type { CallParts } from './call-parts.js';
import { FailedAttempt, type Provider, ProviderPassedOver } from './provider.js';
import { LlmCallFailed, LlmCallPostponed } from './refusals.js';

type Next = { kind: 'retry'; waitMs: number } | { kind: 'postpone'; notBefore: string } | { kind: 'give_up' };

type Tried = { kind: 'answered'; answer: KeptAnswer } | { kind: 'failed'; errorType: string; next: Next };

const GIVE_UP = { kind: 'give_up' } as const;

/** One question on its way: the providers in order, each with its attempts, until one answers. */
export class Exchange {
  private attempts = 0;
  private lastError = 'no_provider';

  constructor(
    private readonly parts: CallParts,
    private readonly talk: Talk,
    private readonly key: CallKey,
    private readonly request: ModelRequest,
    private readonly startedAt: number,
  ) {}

  /** The answer: the one that is stored already, or the first that comes. */
  async carryOut(signal: AbortSignal): Promise<KeptAnswer> {
    const { ledger, providers } = this.parts;
    const stored = await ledger.findAnswer(this.talk.tenantId, this.key);
    if (stored) return this.done(stored);
    for (const provider of providers) {
      const answer = await this.askProvider(provider, provider === providers.at(-1), signal);
      if (answer) return this.done(answer);
    }
    const facts = { operation: this.request.operation, attempts: this.attempts, error_type: this.lastError };
    this.parts.events.failed(this.talk.labels, facts);
    throw new LlmCallFailed(facts);
  }

  /** Null: this provider does not answer, and nothing more is to be tried with it. */
  private async askProvider(
    provider: Provider,
    isLast: boolean,
    signal: AbortSignal,
  ): Promise<KeptAnswer | null> {
    const { ledger, policy, clock } = this.parts;
    let made = await ledger.attemptsMade(this.talk.tenantId, this.key, provider.model.provider);
    this.attempts += made;
    if (made >= policy.maxAttempts) {
      if (made > 0 && this.lastError === 'no_provider') this.lastError = 'attempts_used_up';
      return null;
    }
    let waitMs = 0;
    // The wait is ours and comes first, so that a signal ends it and a test can hasten it.
    const attempts = retry(handleWhenResult(isWorthAnother), {
      maxAttempts: policy.maxAttempts - made - 1,
      backoff: new ConstantBackoff(0),
    });
    const tried = await attempts.execute(async (): Promise<Tried> => {
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      signal.throwIfAborted();
      const timeoutMs = Math.ceil(Math.min(policy.timeoutMs, this.msLeft()));
      if (timeoutMs <= 0) return { kind: 'failed', errorType: 'out_of_time', next: GIVE_UP };
      const attempt = new CallAttempt(this.parts, this.talk, this.key, this.request, provider.model);
      try {
        return { kind: 'answered', answer: await provider.run(() => attempt.make(timeoutMs, signal)) };
      } catch (error) {
        if (error instanceof ProviderPassedOver)
          return { kind: 'failed', errorType: 'circuit_open', next: GIVE_UP };
        if (!(error instanceof FailedAttempt)) throw error;
        made += 1;
        this.attempts += 1;
        const next = this.nextAfter(error.fault, made, isLast);
        if (next.kind === 'retry') waitMs = next.waitMs;
        this.logFailure(provider, error, next.kind === 'retry');
        return { kind: 'failed', errorType: error.fault.label, next };
      }
    });
    if (tried.kind === 'answered') return tried.answer;
    this.lastError = tried.errorType;
    if (tried.next.kind === 'postpone') throw new LlmCallPostponed(tried.next.notBefore, 'retry_after');
    return null;
  }

  /** What follows a failure: another attempt after a wait, the queue until a time, or nothing. */
  private nextAfter(fault: ModelFault, made: number, isLast: boolean): Next {
    const { policy, clock } = this.parts;
    if (!fault.isWorthRetrying || made >= policy.maxAttempts) return GIVE_UP;
    const asked = fault.retryAfterMs ?? 0;
    if (asked > 0 && (asked > policy.retryAfterCapMs || asked >= this.msLeft())) {
      if (!isLast || asked > policy.maxPostponeMs) return GIVE_UP;
      return { kind: 'postpone', notBefore: new Date(clock.wallNow() + asked).toISOString() };
    }
    const waitMs = Math.max(asked, backoffMs(policy, made, clock.random()));
    return waitMs < this.msLeft() ? { kind: 'retry', waitMs } : GIVE_UP;
  }

  private msLeft(): number {
    return this.parts.policy.totalMs - (this.parts.clock.now() - this.startedAt);
  }

  private logFailure({ model }: Provider, failed: FailedAttempt, willRetry: boolean): void {
    const facts: CallFacts = {
      call_id: failed.callId,
      operation: this.request.operation,
      provider: model.provider,
      model: model.model,
      attempt: failed.attempt,
      timeout_seconds: failed.timeoutMs / 1_000,
    };
    const { events } = this.parts;
    const { fault } = failed;
    if (fault.type === 'timeout') events.timedOut(this.talk.labels, { ...facts, will_retry: willRetry });
    else events.failedOnce(this.talk.labels, { ...facts, will_retry: willRetry, error_type: fault.label });
  }

  private done(answer: KeptAnswer): KeptAnswer {
    this.parts.events.done(this.talk.labels, {
      call_id: answer.callId,
      operation: this.request.operation,
      provider: answer.provider,
      model: answer.model,
      attempt: answer.attempt,
      timeout_seconds: this.parts.policy.timeoutMs / 1_000,
      tokens_in: answer.usage?.tokensIn ?? null,
      tokens_out: answer.usage?.tokensOut ?? null,
      is_stored: answer.isStored,
    });
    return answer;
  }
}

/** cockatiel hands every result over as unknown. */
function isWorthAnother(result: unknown): boolean {
  const tried = result as Tried;
  return tried.kind === 'failed' && tried.next.kind === 'retry';
}
