import { metrics, OTHER_TENANTS, TOLD_TENANTS } from '#observability';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { waitMsOf } from './prefer-wait.js';

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const OTHER_METHOD = 'other';
/** Every address that is no route's. */
const UNMATCHED = 'unmatched';
/** What is said of a client that was gone before its answer was whole. */
const BROKEN_OFF = '499';

/** The first tenants that called a deprecated route, by name. */
const callers = new Set<string>();

/** Counts the request when its connection is done with it, however that comes. */
export function countWhenAnswered(request: FastifyRequest, reply: FastifyReply): void {
  const begunAt = performance.now();
  const route = (request.is404 ? undefined : request.routeOptions.url) ?? UNMATCHED;
  if (route === '/metrics') return;
  reply.raw.once('close', () => {
    const labels = {
      method: METHODS.has(request.method) ? request.method : OTHER_METHOD,
      route,
      status_code: reply.raw.writableFinished ? String(reply.raw.statusCode) : BROKEN_OFF,
    };
    metrics.httpRequests.inc(labels);
    if (!isHeld(request, reply)) {
      metrics.httpRequestSeconds.observe(labels, (performance.now() - begunAt) / 1_000);
    }
    if (reply.hasHeader('deprecation')) {
      metrics.deprecatedCalls.inc({ route, tenant: nameOf(request.asking?.caller.tenantId) });
    }
  });
}

/** Held open because the client asked for it: how long tells of its wish, and nothing of us. */
function isHeld(request: FastifyRequest, reply: FastifyReply): boolean {
  // An answer that is hijacked has its headers on the raw one alone.
  const type = reply.getHeader('content-type') ?? reply.raw.getHeader('content-type');
  return waitMsOf(request.headers['prefer']) > 0 || String(type).startsWith('text/event-stream');
}

function nameOf(tenantId: string | undefined): string {
  if (tenantId === undefined) return OTHER_TENANTS;
  if (callers.size < TOLD_TENANTS) callers.add(tenantId);
  return callers.has(tenantId) ? tenantId : OTHER_TENANTS;
}
