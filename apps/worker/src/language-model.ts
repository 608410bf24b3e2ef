import type { Configuration } from '#configuration';
import type { Database, Scope } from '#database';
import { type Drafter, ModelDrafter, RulesDrafter } from '#drafting';
import type { CommandProfiles, Execution } from '#execution';
import { CallLedger, createModels, ModelCalls, type ModelSettings, parsePrices, type Prices } from '#llm';
import type { Logger } from '#observability';
import { readFileSync } from 'node:fs';

const SECOND = 1_000;
const CHECK_SQL_MS = 20_000;

export interface LanguageModelParts {
  configuration: Configuration<'worker'>;
  database: Database;
  scope: Scope;
  execution: Execution;
  profiles: CommandProfiles;
  logger: Logger;
}

/** Who drafts in this worker: the configured language model, or the rules. */
export interface Drafting {
  drafter: Drafter;
  ledger: CallLedger;
  /** Null: no language model is configured. */
  calls: ModelCalls | null;
}

export function openDrafting({
  configuration,
  database,
  scope,
  execution,
  profiles,
  logger,
}: LanguageModelParts): Drafting {
  const ledger = new CallLedger(database, scope);
  const models = createModels(modelSettings(configuration));
  if (models.length === 0) return { drafter: new RulesDrafter(), ledger, calls: null };
  const calls = new ModelCalls({
    ledger,
    models,
    prices: readPrices(configuration.llmPrices),
    policy: {
      timeoutMs: configuration.llmTimeoutSeconds * SECOND,
      maxAttempts: configuration.llmMaxAttempts,
      totalMs: configuration.llmTotalSeconds * SECOND,
      backoffBaseMs: configuration.llmRetryBackoffBaseSeconds * SECOND,
      backoffMaxMs: configuration.llmRetryBackoffMaxSeconds * SECOND,
      retryAfterCapMs: configuration.llmRetryAfterCapSeconds * SECOND,
    },
    logger,
  });
  const drafter = new ModelDrafter({
    calls,
    checkSql: (asked, signal) => execution.checkSql(asked, { timeoutMs: CHECK_SQL_MS, signal }),
    commandProfiles: Object.keys(profiles).filter((name) => profiles[name]?.drafting === true),
    maxTokens: configuration.llmMaxTokens,
  });
  return { drafter, ledger, calls };
}

function modelSettings(configuration: Configuration<'worker'>): ModelSettings[] {
  const { llmProvider: kind, llmBaseUrl, llmModel, llmFallbackBaseUrl, llmFallbackModel } = configuration;
  // With a provider, the configuration has refused to be without these.
  if (kind === 'none' || llmBaseUrl === null || llmModel === null) return [{ kind: 'none' }];
  const common = {
    kind,
    temperature: configuration.llmTemperature,
    answerFormat: configuration.llmAnswerFormat,
    tokenLimitField: configuration.llmTokenLimitField,
  };
  const first: ModelSettings = {
    ...common,
    provider: 'main',
    baseUrl: llmBaseUrl,
    apiKey: configuration.llmApiKey,
    model: llmModel,
  };
  if (llmFallbackBaseUrl === null || llmFallbackModel === null) return [first];
  return [
    first,
    {
      ...common,
      provider: 'fallback',
      baseUrl: llmFallbackBaseUrl,
      apiKey: configuration.llmFallbackApiKey,
      model: llmFallbackModel,
    },
  ];
}

/** JSON as it is, or the path of a file that holds it. */
function readPrices(setting: string | null): Prices {
  if (setting === null) return {};
  if (setting.startsWith('{')) return parsePrices(setting);
  let text: string;
  try {
    text = readFileSync(setting, 'utf8');
  } catch {
    // What was wrong with the file is told like what is wrong in it.
    text = '';
  }
  return parsePrices(text);
}
