export {
  type CallKey,
  CallLedger,
  type CallOutcome,
  type DayBudget,
  type KeptAnswer,
} from './call-ledger.js';
export { type BudgetUse, budgetUse } from './budget-use.js';
export { CALL_POLICY, type CallPolicy } from './call-policy.js';
export { type BudgetToday, budgetToday, usageByDay, type UsageLine } from './call-usage.js';
export { type Clock, realClock } from './clock.js';
export { Conversation, type Answered, type Question, type Reading } from './conversation.js';
export { createModels, LLM_PROVIDERS, type LlmProviderKind, type ModelSettings } from './create-models.js';
export { type JsonSchema } from './json-schema.js';
export {
  type Model,
  type ModelMessage,
  type ModelReply,
  type ModelRequest,
  type TokenUsage,
} from './model.js';
export { ModelCalls, type ModelCallsOptions } from './model-calls.js';
export { ModelFault } from './model-fault.js';
export {
  ANSWER_FORMATS,
  type AnswerFormat,
  OpenAiCompatible,
  TOKEN_LIMIT_FIELDS,
} from './openai-compatible.js';
export { costMicros, LlmPricesInvalid, parsePrices, type Price, type Prices } from './prices.js';
export { type BreakerState } from './provider.js';
export { LlmBudgetExceeded, LlmCallFailed, LlmCallPostponed } from './refusals.js';
export { type Talk, type ToldExchange } from './talk.js';
