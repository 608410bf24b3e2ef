import type { JobEvent } from '#events';

/** Server-sent events, as the HTML standard has them. Texts hold no line break: they are JSON. */
export const EVENT_STREAM = 'text/event-stream';

export function eventText(event: JobEvent): string {
  return `id: ${String(event.event_id)}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** A comment: shows that the connection lives. With it, how far the reader has come though nothing was for it. */
export function heartbeatText(position: number): string {
  return `: heartbeat\nid: ${String(position)}\n\n`;
}

/** How long a client waits before it comes again. */
export function retryText(retryMs: number): string {
  return `retry: ${String(retryMs)}\n\n`;
}

/** The last of a stream: why, and where to go on. */
export function endText(reason: string, resumeAfter: number): string {
  const data = JSON.stringify({ reason, resume_after: resumeAfter });
  return `id: ${String(resumeAfter)}\nevent: stream.ended\ndata: ${data}\n\n`;
}
