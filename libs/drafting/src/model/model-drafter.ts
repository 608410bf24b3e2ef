import {
  type Answered,
  type Conversation,
  LlmBudgetExceeded,
  LlmCallFailed,
  LlmCallPostponed,
  type ModelCalls,
  type ModelMessage,
  type Question,
} from '#llm';
import type { DraftContext, Drafter, DraftProposal, DraftRequest } from '../drafter.js';
import { RulesDrafter } from '../rules-drafter.js';
import { dropFaulty, queriesOf, type StepFault } from './bound-steps.js';
import { DRAFT_SCHEMA_NAME, type DraftAnswer, draftSchema, readDraft } from './draft-answer.js';
import { draftMessages } from './prompt.js';
import { toProposal } from './to-proposal.js';

/** Has queries bound against the columns of tables, in order, without running any. */
export type SqlChecker = (
  asked: {
    tables: { name: string; columns: { name: string; type: string }[] }[];
    queries: { stepId: string; sql: string }[];
  },
  signal: AbortSignal,
) => Promise<{ stepId: string; fault: { message: string } | null }[]>;

export interface ModelDrafterOptions {
  calls: ModelCalls;
  checkSql: SqlChecker;
  /** The operator's profiles that a model may use. */
  commandProfiles: readonly string[];
  maxTokens: number;
}

const OPERATION = 'draft';

/**
 * Drafts with a language model. What it proposes was checked: its shape and its steps like any plan, its SQL by DuckDB
 * against the columns that there are. Where the model cannot be used, the rules draft, if the tenant allows it.
 */
export class ModelDrafter implements Drafter {
  private readonly rules = new RulesDrafter();

  constructor(private readonly options: ModelDrafterOptions) {}

  async draft(request: DraftRequest, signal: AbortSignal, context: DraftContext): Promise<DraftProposal> {
    try {
      return await this.draftByModel(request, signal, context);
    } catch (error) {
      const isOut = error instanceof LlmCallFailed || error instanceof LlmBudgetExceeded;
      if (!isOut || !context.ruleFallback) throw error;
      return this.fallBack(request, signal, error.message);
    }
  }

  private async draftByModel(
    request: DraftRequest,
    signal: AbortSignal,
    context: DraftContext,
  ): Promise<DraftProposal> {
    const { calls, commandProfiles } = this.options;
    const talk = calls.begin({
      tenantId: context.tenantId,
      subjectId: context.jobId,
      taskId: context.taskId,
      budget: context.budget,
      labels: { tenant_id: context.tenantId, job_id: context.jobId, trace_id: context.traceId },
      onExchange: context.onExchange,
    });
    const messages = draftMessages(request, commandProfiles);
    const first = await talk.ask(this.question(OPERATION, messages, request, true), signal);
    const faults = await this.faultsOf(request, first.value, signal);
    if (faults.length === 0) return toProposal(first, []);

    const second = await this.askAgain(talk, messages, first, faults, request, signal);
    const left = second ? await this.faultsOf(request, second.value, signal) : faults;
    const answer = second ?? first;
    const { kept, dropped } = dropFaulty(answer.value.steps, left);
    if (kept.length === 0) {
      throw new LlmCallFailed({
        operation: OPERATION,
        attempts: second ? 2 : 1,
        error_type: 'no_step_binds',
      });
    }
    return toProposal({ ...answer, value: { ...answer.value, steps: kept } }, dropped);
  }

  /** Null: there is no second answer, and the first has to do. */
  private async askAgain(
    talk: Conversation,
    messages: readonly ModelMessage[],
    { text }: Answered<DraftAnswer>,
    faults: readonly StepFault[],
    request: DraftRequest,
    signal: AbortSignal,
  ): Promise<Answered<DraftAnswer> | null> {
    const list = faults.map(({ stepId, message }) => `- step ${stepId}: ${message}`);
    const more: ModelMessage[] = [
      ...messages,
      { role: 'assistant', content: text },
      {
        role: 'user',
        content: `DuckDB cannot bind these steps:\n${list.join('\n')}\nAnswer again, whole and corrected, as one JSON object.`,
      },
    ];
    try {
      return await talk.ask(this.question(`${OPERATION}.rebind`, more, request, false), signal);
    } catch (error) {
      // A draft is here and paid for; for what can be had tomorrow nobody should wait.
      const isOut =
        error instanceof LlmCallFailed ||
        error instanceof LlmBudgetExceeded ||
        (error instanceof LlmCallPostponed && error.reason === 'retry_after');
      if (isOut) return null;
      throw error;
    }
  }

  private question(
    operation: string,
    messages: readonly ModelMessage[],
    { datasets }: DraftRequest,
    mayRepair: boolean,
  ): Question<DraftAnswer> {
    const { commandProfiles, maxTokens } = this.options;
    const datasetKeys = datasets.map(({ datasetKey }) => datasetKey);
    return {
      request: {
        operation,
        messages,
        schema: { name: DRAFT_SCHEMA_NAME, schema: draftSchema(commandProfiles.length > 0) },
        maxTokens,
      },
      read: (value) => readDraft(value, { datasetKeys, commandProfiles }),
      mayRepair,
    };
  }

  private async faultsOf(
    { datasets }: DraftRequest,
    { steps }: DraftAnswer,
    signal: AbortSignal,
  ): Promise<StepFault[]> {
    const queries = queriesOf(steps);
    if (queries.length === 0) return [];
    const tables = datasets.map(({ datasetKey, columns }) => ({
      name: datasetKey,
      columns: columns.map(({ name, type }) => ({ name, type })),
    }));
    const checks = await this.options.checkSql({ tables, queries }, signal);
    return checks.flatMap(({ stepId, fault }) => (fault ? [{ stepId, message: fault.message }] : []));
  }

  private async fallBack(request: DraftRequest, signal: AbortSignal, reason: string): Promise<DraftProposal> {
    const proposal = await this.rules.draft(request, signal);
    return {
      ...proposal,
      source: 'rule_fallback',
      text: `The built-in rules wrote this draft, because the language model could not be used. ${reason}\n\n${proposal.text}`,
      warnings: [{ type: 'rule_fallback', severity: 'warning', message: reason }, ...proposal.warnings],
    };
  }
}
