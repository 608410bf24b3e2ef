import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';

const MAX_WAIT_SECONDS = 60;
const FIRST_LOOK_MS = 25;
const SLOWEST_LOOK_MS = 500;

export const PreferWait = createParamDecorator((_: unknown, context: ExecutionContext): number => {
  return waitMsOf(context.switchToHttp().getRequest<FastifyRequest>().headers['prefer']);
});

/** How long the client would wait, in milliseconds: `Prefer: wait=N` (RFC 7240), 60 seconds at most; else 0. */
export function waitMsOf(header: string | string[] | undefined): number {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  const seconds = Number(/(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec(text)?.[1] ?? '0');
  return Math.min(seconds, MAX_WAIT_SECONDS) * 1_000;
}

/** Looks again and again, more slowly with time, until what it sees is settled or the time is over. */
export async function lookUntil<T>(
  waitMs: number,
  look: () => Promise<T>,
  isSettled: (seen: T) => boolean,
): Promise<T> {
  const deadline = performance.now() + waitMs;
  let pause = FIRST_LOOK_MS;
  for (;;) {
    const seen = await look();
    const left = deadline - performance.now();
    if (isSettled(seen) || left <= 0) return seen;
    await sleep(Math.min(pause, left));
    pause = Math.min(pause * 1.5, SLOWEST_LOOK_MS);
  }
}
