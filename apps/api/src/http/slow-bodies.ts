import { DomainError } from '#observability';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EdgeSettings } from './edge-settings.js';

export class RequestTooSlow extends DomainError {
  constructor(minBytesPerSecond: number) {
    const least = String(minBytesPerSecond);
    super(
      'REQUEST_TOO_SLOW',
      `The body came more slowly than ${least} bytes a second. Send the request again.`,
    );
  }
}

interface Coming {
  request: FastifyRequest;
  reply: FastifyReply;
  seenBytes: number;
  since: number;
}

/** A look costs nothing to speak of; the span is kept to within one. */
const LOOKS_A_SPAN = 4;

/**
 * Ends requests whose body trickles: each would hold a connection, and an upload its room, for as long as it likes. A
 * body that waits because we do not read it is not slow.
 */
export class SlowBodies {
  private readonly coming = new Set<Coming>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly settings: Pick<EdgeSettings, 'slowBodyMs' | 'bodyMinBytesPerSecond'>,
    private readonly refuse: (error: RequestTooSlow, request: FastifyRequest, reply: FastifyReply) => void,
  ) {
    this.timer = setInterval(() => {
      this.look();
    }, settings.slowBodyMs / LOOKS_A_SPAN);
    this.timer.unref();
  }

  watch(request: FastifyRequest, reply: FastifyReply): void {
    const { headers, raw } = request;
    const bringsNone =
      headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
    if (bringsNone) return;
    const one = { request, reply, seenBytes: raw.socket.bytesRead, since: performance.now() };
    this.coming.add(one);
    const forget = (): void => {
      this.coming.delete(one);
    };
    raw.once('end', forget);
    raw.once('close', forget);
    reply.raw.once('close', forget);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const now = performance.now();
    const { slowBodyMs, bodyMinBytesPerSecond } = this.settings;
    for (const one of this.coming) {
      const { raw } = one.request;
      const bytes = raw.socket.bytesRead;
      const least = (slowBodyMs / 1_000) * bodyMinBytesPerSecond;
      if (bytes - one.seenBytes >= least || raw.complete || raw.readableLength > 0) {
        one.seenBytes = bytes;
        one.since = now;
      } else if (now - one.since >= slowBodyMs) {
        this.coming.delete(one);
        this.end(one);
      }
    }
  }

  private end({ request, reply }: Coming): void {
    void reply.header('Connection', 'close');
    reply.raw.once('finish', () => request.raw.destroy());
    this.refuse(new RequestTooSlow(this.settings.bodyMinBytesPerSecond), request, reply);
  }
}
