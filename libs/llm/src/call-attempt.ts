import {
  annotate,
  markFailed,
  metrics,
  modelCallAttributes,
  modelUsageAttributes,
  span,
} from '#observability';
import type { CallEnd, CallKey, CallOutcome, KeptAnswer } from './call-ledger.js';
import type { Talk } from './talk.js';
import type { Model, ModelReply, ModelRequest } from './model.js';
import { ModelFault } from './model-fault.js';
import type { CallParts } from './call-parts.js';
import { costMicros } from './prices.js';
import { FailedAttempt } from './provider.js';

/** Bytes of a prompt for one token, on the low side: an estimate that is charged should be too high. */
const BYTES_PER_TOKEN = 3;
/** The answer is here and paid for: it is worth some patience with the database. */
const CLOSE_TRIES = 6;
const CLOSE_PAUSE_MS = 500;

type First =
  | { kind: 'reply'; reply: ModelReply }
  | { kind: 'fault'; error: unknown }
  | { kind: 'timeout' }
  | { kind: 'stopped' };

/** One request on the wire, from the opening of its row to its closing. */
export class CallAttempt {
  private begunAt = 0;

  constructor(
    private readonly parts: CallParts,
    private readonly talk: Talk,
    private readonly key: CallKey,
    private readonly request: ModelRequest,
    private readonly model: Model,
  ) {}

  /** The answer, which is stored when this returns. Throws `FailedAttempt`, the ledger's refusals, or the signal's reason. */
  async make(timeoutMs: number, signal: AbortSignal): Promise<KeptAnswer> {
    signal.throwIfAborted();
    const { ledger, events } = this.parts;
    const opened = await ledger.open(this.talk.tenantId, this.key, {
      provider: this.model.provider,
      model: this.model.model,
      timeoutMs,
      estimate: this.estimate(),
      budget: this.talk.budget,
    });
    if (opened.kind === 'stored') return opened.answer;
    const { callId, attempt } = opened;
    events.started(this.talk.labels, {
      call_id: callId,
      operation: this.key.operation,
      provider: this.model.provider,
      model: this.model.model,
      attempt,
      timeout_seconds: timeoutMs / 1_000,
    });

    const { provider, model } = this.model;
    const attributes = modelCallAttributes({ provider, model, maxTokens: this.request.maxTokens });
    return span(`chat ${model}`, { kind: 'client', attributes }, () =>
      this.exchange(callId, attempt, timeoutMs, signal),
    );
  }

  private async exchange(
    callId: string,
    attempt: number,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<KeptAnswer> {
    const hangUp = new AbortController();
    const onAbort = (): void => {
      hangUp.abort(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    // It may have fired while the row was being opened.
    if (signal.aborted) onAbort();
    this.begunAt = performance.now();
    const reply = this.model.complete(this.request, callId, hangUp.signal);
    const unlisten = (): void => {
      signal.removeEventListener('abort', onAbort);
    };
    const first = await this.firstOf(reply, timeoutMs, signal);
    if (signal.aborted) {
      unlisten();
      hangUp.abort(signal.reason);
      await this.close(callId, { outcome: 'aborted' });
      signal.throwIfAborted();
    }
    const fail = (fault: ModelFault): FailedAttempt => {
      markFailed(fault.label);
      return new FailedAttempt(fault, callId, attempt, timeoutMs);
    };
    if (first.kind === 'reply') {
      unlisten();
      return this.keep(callId, attempt, first.reply);
    }
    if (first.kind === 'fault') {
      unlisten();
      const fault = asFault(first.error);
      await this.close(callId, endOf(fault, this.costOf(fault.usage)));
      throw fail(fault);
    }
    await this.close(callId, { outcome: 'timeout', errorType: 'timeout' });
    this.parts.late.follow(reply.finally(unlisten), hangUp, (late) => this.recordLate(callId, late));
    throw fail(new ModelFault('timeout', 'The provider did not answer in time.'));
  }

  private async firstOf(reply: Promise<ModelReply>, timeoutMs: number, signal: AbortSignal): Promise<First> {
    const stop = new AbortController();
    const first = await Promise.race([
      reply.then(
        (answer): First => ({ kind: 'reply', reply: answer }),
        (error: unknown): First => ({ kind: 'fault', error }),
      ),
      this.parts.clock.sleep(timeoutMs, AbortSignal.any([signal, stop.signal])).then(
        (): First => ({ kind: 'timeout' }),
        (): First => ({ kind: 'stopped' }),
      ),
    ]);
    stop.abort();
    return first;
  }

  /** First into the ledger, then into anybody's hands. */
  private async keep(callId: string, attempt: number, { text, usage }: ModelReply): Promise<KeptAnswer> {
    annotate(modelUsageAttributes(usage));
    await this.close(callId, { outcome: 'answered', usage, costMicros: this.costOf(usage), answer: text });
    const { provider, model } = this.model;
    return { callId, attempt, provider, model, text, usage, isStored: false };
  }

  private async recordLate(callId: string, { text, usage }: ModelReply): Promise<void> {
    const facts = { call_id: callId, operation: this.key.operation };
    try {
      const end = { usage, costMicros: this.costOf(usage), answer: text };
      const isFirst = await this.parts.ledger.recordLate(this.talk.tenantId, callId, end);
      if (!isFirst) return;
      this.count({ outcome: 'late', ...end });
      this.parts.events.late(this.talk.labels, facts);
    } catch (error) {
      this.parts.events.notRecorded(this.talk.labels, facts, error);
    }
  }

  /** A database that is away for a moment must not make us pay again. */
  private async close(callId: string, end: CallEnd): Promise<void> {
    const patient = new AbortController().signal;
    for (let tries = 1; ; tries++) {
      try {
        await this.parts.ledger.close(this.talk.tenantId, callId, end);
        metrics.llmCallSeconds.observe(
          { provider: this.model.provider },
          (performance.now() - this.begunAt) / 1_000,
        );
        this.count(end);
        return;
      } catch (error) {
        if (tries === CLOSE_TRIES) throw error;
        await this.parts.clock.sleep(CLOSE_PAUSE_MS, patient);
      }
    }
  }

  private count({ outcome, usage, costMicros: cost }: CallEnd): void {
    const { provider } = this.model;
    metrics.llmCalls.inc({ provider, outcome });
    if (usage) {
      metrics.llmTokens.inc({ provider, direction: 'in' }, usage.tokensIn);
      metrics.llmTokens.inc({ provider, direction: 'out' }, usage.tokensOut);
    }
    if (typeof cost === 'number') metrics.llmCost.inc({ provider }, cost / 1e6);
  }

  private estimate(): { tokens: number; costMicros: number } {
    const bytes = this.request.messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
    const tokensIn = Math.ceil(bytes / BYTES_PER_TOKEN);
    const tokensOut = this.request.maxTokens;
    const cost = costMicros(this.parts.prices, this.model.model, { tokensIn, tokensOut });
    return { tokens: tokensIn + tokensOut, costMicros: cost ?? 0 };
  }

  private costOf(usage: ModelReply['usage']): number | null {
    return usage ? costMicros(this.parts.prices, this.model.model, usage) : null;
  }
}

function asFault(error: unknown): ModelFault {
  if (error instanceof ModelFault) return error;
  return new ModelFault('request_refused', 'The request could not be made.', { cause: error });
}

function endOf(fault: ModelFault, cost: number | null): CallEnd {
  const outcome: CallOutcome = fault.type === 'connection' ? 'connection_error' : 'provider_error';
  return {
    outcome,
    errorType: fault.label,
    httpStatus: fault.status,
    usage: fault.usage,
    costMicros: cost,
    isFree: fault.usage === null,
  };
}
