import {
  type Database,
  type Instant,
  isUniqueViolation,
  type TenantScope,
  type Scope,
  type Tx,
} from '#database';
import { createHash, randomUUID } from 'node:crypto';
import * as sql from './call-ledger.sql.js';
import { budgetToday } from './call-usage.js';
import type { TokenUsage } from './model.js';
import { LlmBudgetExceeded, LlmCallPostponed } from './refusals.js';

export const OUTCOMES = [
  'answered',
  'invalid',
  'timeout',
  'late',
  'provider_error',
  'connection_error',
  'aborted',
  'unknown',
] as const;
export type CallOutcome = (typeof OUTCOMES)[number];

/** Under what a question is asked. `requestSha256`: another question under the same names is another call. */
export interface CallKey {
  subjectId: string;
  taskId: string;
  operation: string;
  requestSha256: string;
}

/** What a tenant may use in a day; null: no bound. */
export interface DayBudget {
  calls: number | null;
  tokens: number | null;
  costMicros: number | null;
}

/** A call about to be made. */
export interface CallOrder {
  provider: string;
  model: string;
  timeoutMs: number;
  /** Charged until it is known better. */
  estimate: { tokens: number; costMicros: number };
  budget: DayBudget;
}

export interface KeptAnswer {
  callId: string;
  attempt: number;
  provider: string;
  model: string;
  text: string;
  usage: TokenUsage | null;
  /** Whether it was found rather than asked for. */
  isStored: boolean;
}

export type Opened =
  { kind: 'opened'; callId: string; attempt: number } | { kind: 'stored'; answer: KeptAnswer };

export interface CallEnd {
  outcome: CallOutcome;
  errorType?: string;
  httpStatus?: number | null;
  usage?: TokenUsage | null;
  costMicros?: number | null;
  answer?: string;
  /** Nothing is charged: the provider sent no answer that it could bill. */
  isFree?: boolean;
}

interface EarlierCall {
  call_id: string;
  attempt: number;
  provider: string;
  model: string;
  request_sha256: string;
  outcome: CallOutcome | null;
  answer: string | null;
  tokens_in: number | null;
  tokens_out: number | null;
  deadline_at: Instant;
  is_abandoned: boolean;
}

/** Room for the row to be closed after the attempt has ended. */
const CLOSING_MS = 15_000;

/** The rows of `llm_call` and the day's budget: opened before a call goes out, closed with what became of it. */
export class CallLedger {
  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
  ) {}

  /** The answer that was paid for already; null when there is none. */
  async findAnswer(tenantId: string, key: CallKey): Promise<KeptAnswer | null> {
    return this.in(tenantId, async (tx) => answerIn(await this.earlier(tx, tenantId, key), key));
  }

  /** How many attempts the key has used up at the provider, in this process or another. */
  async attemptsMade(tenantId: string, key: CallKey, provider: string): Promise<number> {
    return this.in(tenantId, async (tx) => {
      const calls = await this.earlier(tx, tenantId, key);
      return calls.filter(
        (call) =>
          call.provider === provider &&
          call.request_sha256 === key.requestSha256 &&
          call.outcome !== null &&
          call.outcome !== 'aborted' &&
          call.outcome !== 'unknown',
      ).length;
    });
  }

  /**
   * Opens the row of a call and takes its estimate from the day's budget, or finds the answer that is there already.
   * Throws `LLM_BUDGET_EXCEEDED`, or `LLM_CALL_POSTPONED` while somebody else is asking the same.
   */
  async open(tenantId: string, key: CallKey, order: CallOrder): Promise<Opened> {
    try {
      return await this.in(tenantId, async (tx) => {
        const calls = await this.earlier(tx, tenantId, key);
        const answer = answerIn(calls, key);
        if (answer) return { kind: 'stored', answer };
        const open = calls.find((call) => call.outcome === null);
        if (open && !open.is_abandoned) throw new LlmCallPostponed(open.deadline_at, 'in_flight');
        if (open) await tx.query(sql.ABANDON_CALL, [tenantId, open.call_id]);
        const attempt = (calls.at(-1)?.attempt ?? 0) + 1;
        const callId = randomUUID();
        const { budget, estimate } = order;
        const [opened] = await tx.query(sql.OPEN_CALL, [
          ...[
            tenantId,
            callId,
            key.subjectId,
            key.taskId,
            key.operation,
            attempt,
            order.provider,
            order.model,
          ],
          ...[key.requestSha256, order.timeoutMs + CLOSING_MS, estimate.tokens, estimate.costMicros],
          ...[budget.calls, budget.tokens, budget.costMicros],
        ]);
        if (!opened) throw await this.budgetRefusal(tx, tenantId, order);
        return { kind: 'opened', callId, attempt };
      });
    } catch (error) {
      // Read, then inserted by somebody else: who came first asks.
      if (
        isUniqueViolation(error, 'llm_call_attempt_is_made_once') ||
        isUniqueViolation(error, 'llm_call_one_open_a_key')
      ) {
        const soon = new Date(Date.now() + order.timeoutMs + CLOSING_MS).toISOString();
        throw new LlmCallPostponed(soon, 'in_flight');
      }
      throw error;
    }
  }

  /** Closes the open row; false when it is closed already. What is known better than the estimate corrects the day. */
  async close(tenantId: string, callId: string, end: CallEnd): Promise<boolean> {
    return this.end(tenantId, callId, end, null);
  }

  /** An answer came after its timeout: recorded with what it cost, and not kept. */
  async recordLate(tenantId: string, callId: string, end: Omit<CallEnd, 'outcome'>): Promise<boolean> {
    return this.end(tenantId, callId, { ...end, outcome: 'late' }, 'timeout');
  }

  /** The answer was looked at and broke its schema. */
  async markInvalid(tenantId: string, callId: string): Promise<void> {
    await this.in(tenantId, (tx) => tx.query(sql.MARK_INVALID, [tenantId, callId]));
  }

  /** The caller has kept what it made of the answers: clears them, in the transaction that keeps it. */
  async forgetAnswers(tx: Tx, tenantId: string, subjectId: string, taskId: string): Promise<void> {
    await tx.query(sql.FORGET_ANSWERS, [tenantId, subjectId, taskId]);
  }

  /** Closes the calls of every tenant whose makers are gone. Answers how many there were. */
  async closeAbandoned(): Promise<number> {
    return this.database.acrossTenants(
      this.scope,
      async (tx) => (await tx.query(sql.CLOSE_ABANDONED)).length,
    );
  }

  private async end(
    tenantId: string,
    callId: string,
    { usage = null, ...end }: CallEnd,
    from: CallOutcome | null,
  ): Promise<boolean> {
    const tokens = end.isFree ? 0 : usage ? usage.tokensIn + usage.tokensOut : null;
    const cost = end.isFree ? 0 : usage ? (end.costMicros ?? 0) : null;
    const rows = await this.in(tenantId, (tx) =>
      tx.query(sql.END_CALL, [
        ...[tenantId, callId, from, end.outcome, end.errorType ?? null, end.httpStatus ?? null],
        ...[usage?.tokensIn ?? null, usage?.tokensOut ?? null, usage ? (end.costMicros ?? null) : null],
        ...[tokens, cost, end.answer === undefined ? null : sha256(end.answer)],
        // A late answer is recorded and not used, so there is nothing to keep.
        from === null ? (end.answer ?? null) : null,
      ]),
    );
    return rows.length > 0;
  }

  private async earlier(tx: Tx, tenantId: string, key: CallKey): Promise<EarlierCall[]> {
    return tx.query<EarlierCall>(sql.EARLIER_CALLS, [tenantId, key.subjectId, key.taskId, key.operation]);
  }

  private async budgetRefusal(tx: Tx, tenantId: string, { budget, estimate }: CallOrder): Promise<Error> {
    const day = await budgetToday(tx, tenantId);
    const used = { calls: day.calls, tokens: day.tokens, costMicros: day.cost_micros };
    const wanted = { calls: 1, tokens: estimate.tokens, costMicros: estimate.costMicros };
    for (const name of ['calls', 'tokens', 'costMicros'] as const) {
      const limit = budget[name];
      if (limit === null || used[name] + wanted[name] <= limit) continue;
      const label = name === 'costMicros' ? 'cost_micros' : name;
      return new LlmBudgetExceeded({ budget: label, limit, used: used[name], resets_at: day.resets_at });
    }
    return new Error('a call was refused by a budget that has room for it');
  }

  private async in<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    const scope: TenantScope = { ...this.scope, tenantId };
    return this.database.transaction(scope, work);
  }
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function answerIn(calls: readonly EarlierCall[], key: CallKey): KeptAnswer | null {
  const call = calls.find(
    ({ answer, request_sha256 }) => answer !== null && request_sha256 === key.requestSha256,
  );
  if (!call) return null;
  const {
    call_id: callId,
    attempt,
    provider,
    model,
    answer,
    tokens_in: tokensIn,
    tokens_out: tokensOut,
  } = call;
  const usage = tokensIn === null || tokensOut === null ? null : { tokensIn, tokensOut };
  return { callId, attempt, provider, model, text: answer ?? '', usage, isStored: true };
}
