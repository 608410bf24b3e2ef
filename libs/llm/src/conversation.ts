import type { Fault } from '#observability';
import { type CallKey, type KeptAnswer, sha256 } from './call-ledger.js';
import { checkSchema } from './json-schema.js';
import type { CallParts } from './call-parts.js';
import type { ModelRequest } from './model.js';
import type { Talk } from './talk.js';
import { Exchange } from './exchange.js';
import { LlmCallFailed } from './refusals.js';

/** What the caller makes of an answer's JSON; faults are shown to the model, which gets one more chance. */
export type Reading<T> = { ok: true; value: T } | { ok: false; faults: readonly Fault[] };

export interface Question<T> {
  request: ModelRequest;
  /** Called with a value that has the shape of the schema. Pure: it may be called again for the same answer. */
  read: (value: unknown) => Reading<T>;
  /** Whether a faulty answer may be sent back once. */
  mayRepair: boolean;
}

export interface Answered<T> {
  value: T;
  text: string;
  provider: string;
  model: string;
}

const MAX_SHOWN_CHARS = 20_000;

/** Questions about one subject, under one bound of time. */
export class Conversation {
  private readonly startedAt: number;

  constructor(
    private readonly parts: CallParts,
    private readonly talk: Talk,
  ) {
    this.startedAt = parts.clock.now();
  }

  /**
   * The answer, in the shape that the question wants. Throws `LLM_CALL_FAILED`, `LLM_BUDGET_EXCEEDED`,
   * `LLM_CALL_POSTPONED`, or the signal's reason.
   */
  async ask<T>(question: Question<T>, signal: AbortSignal): Promise<Answered<T>> {
    const { request, read } = question;
    const first = await this.exchange(request, signal);
    const reading = readAnswer(request, first, read);
    this.tell(request, first, reading.ok);
    if (reading.ok) return answered(first, reading.value);
    await this.refuse(request, first, question.mayRepair);
    if (!question.mayRepair) throw this.giveUp(request.operation, first.attempt);

    const again = repairOf(request, first, reading.faults);
    const second = await this.exchange(again, signal);
    const repaired = readAnswer(again, second, read);
    this.tell(again, second, repaired.ok);
    if (repaired.ok) return answered(second, repaired.value);
    await this.refuse(again, second, false);
    throw this.giveUp(request.operation, first.attempt + second.attempt);
  }

  private async exchange(request: ModelRequest, signal: AbortSignal): Promise<KeptAnswer> {
    const key: CallKey = {
      subjectId: this.talk.subjectId,
      taskId: this.talk.taskId,
      operation: request.operation,
      requestSha256: sha256(
        JSON.stringify([request.messages, request.schema.name, request.schema.schema, request.maxTokens]),
      ),
    };
    try {
      return await new Exchange(this.parts, this.talk, key, request, this.startedAt).carryOut(signal);
    } catch (error) {
      this.talk.onExchange?.({
        operation: request.operation,
        messages: request.messages,
        answer: null,
        isValid: false,
      });
      throw error;
    }
  }

  private tell({ operation, messages }: ModelRequest, answer: KeptAnswer, isValid: boolean): void {
    this.talk.onExchange?.({ operation, messages, answer, isValid });
  }

  private async refuse(request: ModelRequest, answer: KeptAnswer, willRetry: boolean): Promise<void> {
    await this.parts.ledger.markInvalid(this.talk.tenantId, answer.callId);
    this.parts.events.failedOnce(this.talk.labels, {
      call_id: answer.callId,
      operation: request.operation,
      provider: answer.provider,
      model: answer.model,
      attempt: answer.attempt,
      timeout_seconds: this.parts.policy.timeoutMs / 1_000,
      will_retry: willRetry,
      error_type: 'answer_invalid',
    });
  }

  private giveUp(operation: string, attempts: number): LlmCallFailed {
    const facts = { operation, attempts, error_type: 'answer_invalid' };
    this.parts.events.failed(this.talk.labels, facts);
    return new LlmCallFailed(facts);
  }
}

function answered<T>({ text, provider, model }: KeptAnswer, value: T): Answered<T> {
  return { value, text, provider, model };
}

function readAnswer<T>(
  request: ModelRequest,
  answer: KeptAnswer,
  read: (value: unknown) => Reading<T>,
): Reading<T> {
  let value: unknown;
  try {
    value = JSON.parse(withoutFence(answer.text));
  } catch {
    const detail = answer.text === '' ? 'is empty' : 'is no JSON, or was cut before its end';
    return { ok: false, faults: [{ pointer: '', detail }] };
  }
  const faults = checkSchema(request.schema.schema, value);
  return faults.length > 0 ? { ok: false, faults } : read(value);
}

/** Models that were not told otherwise like to put JSON into a block of Markdown. */
function withoutFence(text: string): string {
  return /^\s*```(?:json)?\s*\n([^]*)\n```\s*$/.exec(text)?.[1] ?? text;
}

/** The same conversation, with the answer and what is wrong with it. */
function repairOf(request: ModelRequest, answer: KeptAnswer, faults: readonly Fault[]): ModelRequest {
  const list = faults.map(({ pointer, detail }) => `- ${pointer === '' ? 'the answer' : pointer} ${detail}`);
  return {
    ...request,
    operation: `${request.operation}.repair`,
    messages: [
      ...request.messages,
      { role: 'assistant', content: answer.text.slice(0, MAX_SHOWN_CHARS).toWellFormed() },
      {
        role: 'user',
        content: `Your answer cannot be used:\n${list.join('\n')}\nAnswer again, whole and corrected, as one JSON object.`,
      },
    ],
  };
}
