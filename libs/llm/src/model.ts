import type { JsonSchema } from './json-schema.js';

export interface ModelMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** One question to a model, and the shape of the answer that is wanted. */
export interface ModelRequest {
  /** What is asked for, as logs and the ledger name it: `draft`, `draft.repair`. */
  operation: string;
  messages: readonly ModelMessage[];
  schema: { name: string; schema: JsonSchema };
  maxTokens: number;
}

export interface TokenUsage {
  tokensIn: number;
  tokensOut: number;
}

/** What came back, as it came: nobody has looked at the text yet. */
export interface ModelReply {
  text: string;
  /** Null when the provider did not say. */
  usage: TokenUsage | null;
  /** The answer ended because the tokens did. */
  isCut: boolean;
}

/** A language model behind some protocol. One call is one request on the wire: no retries in here. */
export interface Model {
  /** What the ledger, the breaker and the logs call it. */
  readonly provider: string;
  readonly model: string;
  /** Rejects with `ModelFault`, or with the signal's reason. `callId` travels with the request. */
  complete(request: ModelRequest, callId: string, signal: AbortSignal): Promise<ModelReply>;
}
