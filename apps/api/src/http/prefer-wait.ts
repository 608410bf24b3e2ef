import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';

const MAX_WAIT_SECONDS = 60;
const FIRST_LOOK_MS = 25;
const SLOWEST_LOOK_MS = 500;

/** For how long a client would wait, and whether it still does. */
export interface Patience {
  waitMs: number;
  /** Aborted when the connection is gone: nobody waits any more. */
  gone: AbortSignal;
}

export const PreferWait = createParamDecorator((_: unknown, context: ExecutionContext): Patience => {
  const waitMs = waitMsOf(context.switchToHttp().getRequest<FastifyRequest>().headers['prefer']);
  const gone = new AbortController();
  // Comes after the answer as well, when nobody listens any more.
  context
    .switchToHttp()
    .getResponse<FastifyReply>()
    .raw.once('close', () => {
      gone.abort();
    });
  return { waitMs, gone: gone.signal };
});

/** How long the client would wait, in milliseconds: `Prefer: wait=N` (RFC 7240), 60 seconds at most; else 0. */
export function waitMsOf(header: string | string[] | undefined): number {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  const seconds = Number(/(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec(text)?.[1] ?? '0');
  return Math.min(seconds, MAX_WAIT_SECONDS) * 1_000;
}

/** Looks again and again, more slowly with time, until what it sees is settled, the time is over, or nobody waits. */
export async function lookUntil<T>(
  { waitMs, gone }: Patience,
  look: () => Promise<T>,
  isSettled: (seen: T) => boolean,
): Promise<T> {
  const deadline = performance.now() + waitMs;
  let pause = FIRST_LOOK_MS;
  for (;;) {
    const seen = await look();
    const left = deadline - performance.now();
    if (isSettled(seen) || left <= 0) return seen;
    await sleep(Math.min(pause, left), undefined, { signal: gone }).catch(() => undefined);
    if (gone.aborted) return seen;
    pause = Math.min(pause * 1.5, SLOWEST_LOOK_MS);
  }
}
