import type { Logger } from '#observability';
import { RequestMethod } from '@nestjs/common';
import type { Params } from 'nestjs-pino';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Which the middleware layer sets; `url` is only what it left of it. */
type Incoming = IncomingMessage & { originalUrl?: string };

const MAX_PATH_CHARS = 500;

/** One line a request: what was asked, by whom, how it ended. Never a header, a body or a query. */
export function requestLogging(logger: Logger): Params {
  return {
    // The module's own default, `{/*splat}`, is a pattern that Nest's Fastify adapter matches with no path at all.
    forRoutes: [{ path: '/{*splat}', method: RequestMethod.ALL }],
    // So that what the guard assigns (tenant, key, trace) stands in the line that ends the request.
    assignResponse: true,
    pinoHttp: {
      logger,
      quietReqLogger: true,
      quietResLogger: true,
      customAttributeKeys: { reqId: 'request_id' },
      // Probes and scrapes come every few seconds and say nothing new.
      autoLogging: { ignore: (request) => /^\/(health\/|metrics$)/.test(pathOf(request)) },
      customLogLevel: (_request, response) => (response.statusCode >= 500 ? 'warn' : 'info'),
      customSuccessObject: describe,
      customErrorObject: (request, response, _error, values: unknown) => describe(request, response, values),
      customSuccessMessage: () => 'request',
      customErrorMessage: () => 'request',
    },
  };
}

function describe(request: Incoming, response: ServerResponse, values: unknown): object {
  return {
    event: 'SS_API_REQUEST',
    method: request.method,
    path: pathOf(request).slice(0, MAX_PATH_CHARS),
    status: response.statusCode,
    // The client was gone before its answer was whole.
    ...(response.writableFinished ? {} : { broken_off: true }),
    duration_ms: (values as { responseTime?: number }).responseTime,
  };
}

function pathOf(request: Incoming): string {
  return (request.originalUrl ?? request.url ?? '').split('?')[0] ?? '';
}
