import type { TokenUsage } from './model.js';

export type ModelFaultType =
  'timeout' | 'connection' | 'status' | 'answer_unreadable' | 'answer_too_large' | 'request_refused';

const RETRIED_STATUSES = new Set([408, 409, 429]);

/** A call that brought no answer. Its message names no key, no prompt and nothing of the answer. */
export class ModelFault extends Error {
  readonly status: number | null;
  /** How long the provider asks to be left alone. */
  readonly retryAfterMs: number | null;
  /** What was paid although it was of no use. */
  readonly usage: TokenUsage | null;

  constructor(
    readonly type: ModelFaultType,
    message: string,
    facts: { status?: number; retryAfterMs?: number | null; usage?: TokenUsage | null; cause?: unknown } = {},
  ) {
    super(message, facts.cause === undefined ? {} : { cause: facts.cause });
    this.name = 'ModelFault';
    this.status = facts.status ?? null;
    this.retryAfterMs = facts.retryAfterMs ?? null;
    this.usage = facts.usage ?? null;
  }

  /** Whether the same request may well succeed a little later. */
  get isWorthRetrying(): boolean {
    switch (this.type) {
      case 'timeout':
      case 'connection':
      case 'answer_unreadable':
        return true;
      case 'status':
        return this.status !== null && (RETRIED_STATUSES.has(this.status) || this.status >= 500);
      case 'answer_too_large':
      case 'request_refused':
        return false;
      default:
        return this.type satisfies never;
    }
  }

  /** Whether it speaks against the provider as such: a client that asks too much, or wrongly, does not. */
  get isProviderDown(): boolean {
    if (this.type === 'timeout' || this.type === 'connection') return true;
    return this.type === 'status' && (this.status ?? 0) >= 500;
  }

  /** `timeout`, `connection`, `http_429`: what logs and the ledger call it. */
  get label(): string {
    return this.type === 'status' ? `http_${String(this.status)}` : this.type;
  }
}
