import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from 'openai';
import { realClock } from './clock.js';
import { AnswerTooLarge, limitedFetch } from './limited-fetch.js';
import type { Model, ModelReply, ModelRequest, TokenUsage } from './model.js';
import { ModelFault } from './model-fault.js';
import { retryAfterMs } from './retry-after.js';

export const ANSWER_FORMATS = ['json_schema', 'json_object', 'text'] as const;
export type AnswerFormat = (typeof ANSWER_FORMATS)[number];
export const TOKEN_LIMIT_FIELDS = ['max_tokens', 'max_completion_tokens'] as const;

export interface OpenAiCompatibleOptions {
  /** What the ledger calls it. */
  provider: string;
  baseUrl: string;
  /** Null for servers that ask for none. */
  apiKey: string | null;
  model: string;
  /** Null: the model's own. */
  temperature: number | null;
  /** What the server takes: a schema, the promise of some JSON, or nothing. The answer is checked in any case. */
  answerFormat: AnswerFormat;
  /** Newer models of OpenAI refuse `max_tokens`; most other servers know nothing else. */
  tokenLimitField: (typeof TOKEN_LIMIT_FIELDS)[number];
  maxAnswerBytes: number;
}

/** The policy ends every call long before this; the library only must not do so first. */
const NEVER_MS = 24 * 3_600_000;

/** Any server that speaks OpenAI's chat completions: vLLM, Ollama, llama.cpp, OpenAI, Azure. */
export class OpenAiCompatible implements Model {
  readonly provider: string;
  readonly model: string;
  private readonly client: OpenAI;

  constructor(private readonly options: OpenAiCompatibleOptions) {
    this.provider = options.provider;
    this.model = options.model;
    this.client = new OpenAI({
      baseURL: options.baseUrl,
      // The library insists on one; a server that asks for none ignores it.
      apiKey: options.apiKey ?? 'none',
      // Null keeps it from looking into the environment.
      ...{ adminAPIKey: null, organization: null, project: null, webhookSecret: null },
      maxRetries: 0,
      timeout: NEVER_MS,
      logLevel: 'off',
      fetch: limitedFetch(options.maxAnswerBytes),
    });
  }

  async complete(request: ModelRequest, callId: string, signal: AbortSignal): Promise<ModelReply> {
    const { model, temperature, tokenLimitField } = this.options;
    let answer: unknown;
    try {
      answer = await this.client.chat.completions.create(
        {
          model,
          messages: request.messages.map(({ role, content }) => ({ role, content })),
          ...(temperature === null ? {} : { temperature }),
          [tokenLimitField]: request.maxTokens,
          ...this.formatOf(request),
        },
        { signal, headers: { 'X-Client-Request-Id': callId } },
      );
    } catch (error) {
      signal.throwIfAborted();
      throw faultOf(error);
    }
    return readReply(answer);
  }

  private formatOf({ schema }: ModelRequest): Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> {
    switch (this.options.answerFormat) {
      case 'json_schema':
        // Not `strict`: that dialect has no open objects, and a chart's spec is one.
        return {
          response_format: {
            type: 'json_schema',
            json_schema: { name: schema.name, schema: { ...schema.schema }, strict: false },
          },
        };
      case 'json_object':
        return { response_format: { type: 'json_object' } };
      case 'text':
        return {};
      default:
        return this.options.answerFormat satisfies never;
    }
  }
}

/** What the library throws, in our words. Its own messages repeat bodies of answers, so they are not passed on. */
function faultOf(error: unknown): ModelFault {
  if (isCausedBy(error, AnswerTooLarge)) {
    return new ModelFault('answer_too_large', 'The provider sent more than an answer may have.');
  }
  if (error instanceof APIUserAbortError || error instanceof APIConnectionError) {
    return new ModelFault('connection', 'The connection to the provider failed.', { cause: error });
  }
  if (error instanceof APIError && typeof error.status === 'number') {
    const headers: unknown = error.headers;
    const retryAfter = headers instanceof Headers ? headers.get('retry-after') : null;
    return new ModelFault('status', `The provider answered ${String(error.status)}.`, {
      status: error.status,
      retryAfterMs: retryAfterMs(retryAfter, realClock.wallNow()),
    });
  }
  if (error instanceof SyntaxError) {
    return new ModelFault('answer_unreadable', 'The provider’s answer is no JSON.');
  }
  // Cut in the middle of a body: undici's TypeError "terminated".
  return new ModelFault('connection', 'The answer of the provider was cut.', { cause: error });
}

function isCausedBy(error: unknown, type: new (maxBytes: number) => Error): boolean {
  if (error instanceof type) return true;
  return error instanceof Error && error.cause !== undefined && isCausedBy(error.cause, type);
}

/** The library types the answer as what it should be; here it is what a server sent. */
function readReply(answer: unknown): ModelReply {
  const usage = usageOf(member(answer, 'usage'));
  const choices = member(answer, 'choices');
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const message = member(first, 'message');
  if (message === undefined) {
    throw new ModelFault('answer_unreadable', 'The provider’s answer is no chat completion.', { usage });
  }
  const content = member(message, 'content');
  // A refusal has no content: an empty answer, which the check of its shape turns down.
  const text = typeof content === 'string' ? content : '';
  // PostgreSQL keeps neither NUL nor lone surrogates, and what is kept is what is used.
  return {
    text: text.replaceAll('\0', '\ufffd').toWellFormed(),
    usage,
    isCut: member(first, 'finish_reason') === 'length',
  };
}

function usageOf(value: unknown): TokenUsage | null {
  const tokensIn = member(value, 'prompt_tokens');
  const tokensOut = member(value, 'completion_tokens');
  return isCount(tokensIn) && isCount(tokensOut) ? { tokensIn, tokensOut } : null;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= 1e9;
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return new Map<string, unknown>(Object.entries(value)).get(name);
}
