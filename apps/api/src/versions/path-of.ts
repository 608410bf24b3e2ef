import type { FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';

/** What was asked for by those requests whose address became that of an older version. */
const asked = new WeakMap<IncomingMessage, string>();

/** Fastify's own `originalUrl` does not last: the layer for middleware writes over it. */
export function rememberAsked(request: IncomingMessage, url: string): void {
  asked.set(request, url);
}

/** The path that the client asked for. */
export function pathOf({ raw, url }: Pick<FastifyRequest, 'raw' | 'url'>): string {
  return (asked.get(raw) ?? url).split('?')[0] ?? '';
}
