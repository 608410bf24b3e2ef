import {
  newSpanId,
  newTraceId,
  NO_SPAN,
  openSpan,
  type OpenSpan,
  parseTraceContext,
  toTraceparent,
  type TraceContext,
} from '#observability';
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
} from '@opentelemetry/semantic-conventions';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** The trace that a request is part of. */
export interface RequestTrace {
  traceId: string;
  /** What the work for the request continues: our own span, or without tracing the client's. Null: there is neither. */
  parent: TraceContext | null;
  span: OpenSpan;
}

declare module 'fastify' {
  interface FastifyRequest {
    trace?: RequestTrace;
  }
}

/** Probes and scrapes come every few seconds, and nobody follows them. */
const UNTRACED = /^\/(health\/|metrics(\?|$))/;

/** Every request is part of a trace, its client's or a new one, and is told which in the header `traceparent`. */
export function traceRequests(fastify: FastifyInstance): void {
  // With callbacks: what comes after `next` is then within the span.
  fastify.addHook('onRequest', (request, reply, next) => {
    if (UNTRACED.test(request.url)) {
      next();
      return;
    }
    begin(request, reply).span.run(next);
  });
  // The body came by events of the socket, which know nothing of the request's span.
  fastify.addHook('preValidation', (request, _reply, next) => {
    if (request.trace) request.trace.span.run(next);
    else next();
  });
}

/** The trace that the hook above has put there. */
export function traceOf(request: FastifyRequest): RequestTrace {
  request.trace ??= untraced(given(request));
  return request.trace;
}

function begin(request: FastifyRequest, reply: FastifyReply): RequestTrace {
  const client = given(request);
  const span = openSpan(request.method, {
    kind: 'server',
    place: client ?? 'new',
    attributes: {
      [ATTR_HTTP_REQUEST_METHOD]: request.method,
      [ATTR_URL_SCHEME]: request.protocol,
      'ss.request_id': request.id,
    },
  });
  const own = span.context;
  const trace = own ? { traceId: own.traceId, parent: own, span } : { ...untraced(client), span };
  request.trace = trace;
  const { traceId, parent } = trace;
  void reply.header(
    'traceparent',
    toTraceparent(parent ?? { traceId, spanId: newSpanId(), flags: 0, state: null }),
  );
  if (parent?.state) void reply.header('tracestate', parent.state);
  // Comes in every case: the answer is out, or the connection broke.
  if (own)
    reply.raw.once('close', () => {
      end(request, reply, span);
    });
  return trace;
}

function end(request: FastifyRequest, reply: FastifyReply, span: OpenSpan): void {
  const { statusCode, writableFinished } = reply.raw;
  const route = request.routeOptions.url;
  if (route !== undefined && !request.is404) {
    span.rename(`${request.method} ${route}`);
    // A path that leads nowhere may hold anything.
    span.set({ [ATTR_HTTP_ROUTE]: route, [ATTR_URL_PATH]: request.url.split('?')[0] ?? '' });
  }
  span.set({ [ATTR_HTTP_RESPONSE_STATUS_CODE]: statusCode });
  if (statusCode >= 500) span.fail(String(statusCode));
  if (!writableFinished) span.set({ 'ss.broken_off': true });
  span.end();
}

function untraced(client: TraceContext | null): RequestTrace {
  return { traceId: client?.traceId ?? newTraceId(), parent: client, span: NO_SPAN };
}

/** What the client sent; anything else than the standard's form is as good as nothing. */
function given({ headers }: FastifyRequest): TraceContext | null {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== 'string') return null;
  return parseTraceContext(traceparent.trim(), Array.isArray(tracestate) ? tracestate.join(',') : tracestate);
}
