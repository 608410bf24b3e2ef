import type { Model } from './model.js';
import { OpenAiCompatible, type OpenAiCompatibleOptions } from './openai-compatible.js';

export const LLM_PROVIDERS = ['none', 'openai_compatible'] as const;
export type LlmProviderKind = (typeof LLM_PROVIDERS)[number];

export type ModelSettings =
  { kind: 'none' } | ({ kind: 'openai_compatible' } & Omit<OpenAiCompatibleOptions, 'maxAnswerBytes'>);

/** More than any draft needs; a provider that sends more is cut off. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;

/** The models that are configured, in the order in which they are asked. None: whoever drafts does so by rules. */
export function createModels(settings: readonly ModelSettings[]): Model[] {
  return settings.flatMap((one) => {
    switch (one.kind) {
      case 'none':
        return [];
      case 'openai_compatible':
        return [new OpenAiCompatible({ ...one, maxAnswerBytes: MAX_ANSWER_BYTES })];
      default:
        return one satisfies never;
    }
  });
}
