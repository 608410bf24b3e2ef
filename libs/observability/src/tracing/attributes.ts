import type { SpanAttributes } from './spans.js';

// The conventions for messaging and GenAI are not stable yet, and the package offers them only from an entry point whose
// names may change with any release. So these are written out here, once, as version 1.45 has them.

/** What a span of the queue tells, by the conventions for messaging. */
export function messagingAttributes(
  queue: string,
  operation: 'send' | 'receive' | 'process',
): SpanAttributes {
  return {
    'messaging.system.name': 'pgboss',
    'messaging.destination.name': queue,
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
  };
}

/** What a span of a call to a language model tells, by the conventions for GenAI. Never what was asked or answered. */
export function modelCallAttributes(call: {
  provider: string;
  model: string;
  maxTokens: number;
}): SpanAttributes {
  return {
    'gen_ai.operation.name': 'chat',
    // The protocol that is spoken; which server speaks it is the operator's to know, under the name of their settings.
    'gen_ai.provider.name': 'openai',
    'ss.llm.provider': call.provider,
    'gen_ai.request.model': call.model,
    'gen_ai.request.max_tokens': call.maxTokens,
  };
}

export function modelUsageAttributes(usage: { tokensIn: number; tokensOut: number } | null): SpanAttributes {
  if (!usage) return {};
  return { 'gen_ai.usage.input_tokens': usage.tokensIn, 'gen_ai.usage.output_tokens': usage.tokensOut };
}
