/** What of a chat completion request the server looks at. */
export interface ChatRequest {
  model: string;
  messages: { role: string; content: string }[];
}

/** Null when the text is no such request. */
export function readChatRequest(text: string): ChatRequest | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('model' in value) || !('messages' in value))
    return null;
  const { model, messages } = value;
  if (typeof model !== 'string' || !Array.isArray(messages)) return null;
  const read = messages.map(readMessage);
  return read.every((message) => message !== null) ? { model, messages: read } : null;
}

function readMessage(value: unknown): { role: string; content: string } | null {
  if (typeof value !== 'object' || value === null || !('role' in value) || !('content' in value)) return null;
  const { role, content } = value;
  return typeof role === 'string' && typeof content === 'string' ? { role, content } : null;
}
