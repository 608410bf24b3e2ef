import compress from '@fastify/compress';
import multipart from '@fastify/multipart';
import { Drain } from '#health';
import { DomainError, FrameworkLogger } from '#observability';
import { type DynamicModule, NotFoundException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ApiModule, type ApiResources } from './api.module.js';
import { tellBrowsers } from './http/answer-headers.js';
import { answerClientError } from './http/client-error.js';
import { answerConditions } from './http/conditional-answers.js';
import { countWhenAnswered } from './http/count-answers.js';
import { allowOrigins, isPreflight } from './http/cross-origin.js';
import type { EdgeSettings } from './http/edge-settings.js';
import { InFlight } from './http/in-flight.js';
import { ProblemFilter } from './http/problem.filter.js';
import { RequestLimit } from './http/request-limit.js';
import { traceRequests } from './http/request-trace.js';
import { MethodNotAllowed, RouteTable } from './http/route-table.js';
import { SlowBodies } from './http/slow-bodies.js';
import { serveDocuments } from './openapi.js';
import { TUS_CONTENT, tellTus } from './uploads/tus.js';
import { inheritAddresses } from './versions/inherit-addresses.js';
import { tellVersion } from './versions/tell-version.js';

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const MAX_PATH_PARAM = 4_096;
const COMPRESSED_FROM_BYTES = 1_024;
/** No streams of events, and nothing that is compressed already. */
const COMPRESSIBLE =
  /^(?:application\/(?:json|problem\+json|javascript|x-ndjson)|text\/(?:html|css|plain|javascript))/;
const MAX_UPLOAD_PARTS = 200;

/** The client's own request id where it is a plain one; else a new one. */
function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-ss-request-id'] ?? request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomBytes(16).toString('hex');
}

class ShuttingDown extends DomainError {
  constructor() {
    super('SERVICE_SHUTTING_DOWN', 'The service is stopping. Try again shortly.');
  }
}

class UriTooLong extends DomainError {
  constructor(maxBytes: number) {
    super('URI_TOO_LONG', `The address may have ${String(maxBytes)} bytes, its query included.`);
  }
}

class ContentEncodingUnsupported extends DomainError {
  constructor() {
    super('MEDIA_TYPE_UNSUPPORTED', 'Bodies are read as they are: send them without Content-Encoding.');
  }
}

/** What is refused by the head of the request alone. */
function tryRefuseHead(
  { method, url, headers }: FastifyRequest,
  { urlMaxBytes }: EdgeSettings,
): DomainError | null {
  if (Buffer.byteLength(url) > urlMaxBytes) return new UriTooLong(urlMaxBytes);
  // Nobody reads the body of a read.
  if (method === 'GET' || method === 'HEAD') return null;
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  return encoding === 'identity' ? null : new ContentEncodingUnsupported();
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?')[0] ?? '';
}

/** Builds the application over open resources; `listen` and `close` are the caller's. */
export async function createApi(
  resources: ApiResources,
  edge: EdgeSettings,
  module: DynamicModule = ApiModule.register(resources),
): Promise<NestFastifyApplication> {
  const problems = new ProblemFilter(resources.logger, resources.denied, resources.versions);
  const routes = new RouteTable();
  const adapter = new FastifyAdapter({
    bodyLimit: edge.bodyMaxBytes,
    genReqId: requestIdOf,
    requestTimeout: edge.requestTimeoutMs,
    http: {
      headersTimeout: edge.headersTimeoutMs,
      maxHeaderSize: edge.headersMaxBytes,
      // Node looks for late requests this often, and otherwise every half minute.
      connectionsCheckingInterval: Math.min(edge.headersTimeoutMs, 5_000),
    },
    routerOptions: { maxParamLength: MAX_PATH_PARAM },
    rewriteUrl: inheritAddresses(resources.versions, routes),
    // Fastify would answer with a body of its own; see `drain` below.
    return503OnClosing: false,
    clientErrorHandler: answerClientError(resources.logger),
    // A path that cannot be decoded never reaches a route, nor Nest.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      countWhenAnswered(request, reply);
      problems.answer(error, request, reply);
    },
  });
  adapter.getInstance().addHook('onRoute', ({ method, url }) => {
    for (const one of Array.isArray(method) ? method : [method]) routes.add({ method: one, url });
  });
  traceRequests(adapter.getInstance());
  adapter.getInstance().addHook('onRequest', async (request, reply) => {
    countWhenAnswered(request, reply);
    reply.header('X-SS-Request-Id', request.id);
    tellBrowsers(request, reply);
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: new FrameworkLogger(resources.logger),
    // Fastify's own parser for JSON, and none for forms: what a browser can send across sites is not read at all.
    bodyParser: false,
  });
  adapter.getInstance().removeContentTypeParser('text/plain');
  await app.register(multipart, {
    // The store counts the bytes and refuses with a code of ours.
    // A path in a file's name is to be refused, not to be cut off silently.
    preservePath: true,
    limits: { fileSize: Number.MAX_SAFE_INTEGER, parts: MAX_UPLOAD_PARTS, fieldSize: 1_000, fields: 100 },
  });
  await app.register(compress, {
    threshold: COMPRESSED_FROM_BYTES,
    encodings: ['br', 'gzip'],
    customTypes: COMPRESSIBLE,
    // A body that grows when it is unpacked passes by the limit on its size.
    globalDecompression: false,
  });
  const fastify = app.getHttpAdapter().getInstance();
  answerConditions(fastify);
  // The bytes of a resumable upload are read where they are kept.
  fastify.addContentTypeParser(TUS_CONTENT, () => Promise.resolve(undefined));
  const drain = app.get(Drain);
  const inFlight = app.get(InFlight);
  const limit = app.get(RequestLimit);
  const slow = new SlowBodies(edge, (error, request, reply) => {
    problems.answer(error, request, reply);
  });
  fastify.addHook('onClose', () => {
    slow.stop();
  });
  fastify.addHook('onRequest', (request, reply, next) => {
    const refusal = tryRefuseHead(request, edge);
    if (refusal) {
      problems.answer(refusal, request, reply);
      return;
    }
    if (request.method === 'OPTIONS' && !(edge.corsOrigins.length > 0 && isPreflight(request))) {
      const allowed = routes.methodsOf(pathOf(request));
      tellTus(pathOf(request), reply, resources.uploadMaxBytes);
      if (allowed.length > 0) void reply.header('Allow', allowed.join(', ')).status(204).send();
      else problems.answer(new NotFoundException(), request, reply);
      return;
    }
    slow.watch(request, reply);
    next();
  });
  await allowOrigins(app, edge.corsOrigins);
  // Behind the request logging, so that these refusals are logged like all others.
  fastify.addHook('onRequest', (request, reply, next) => {
    // Probes are answered to the end: the process lives, and is not ready.
    const isProbe = request.url.startsWith('/health/');
    if (drain.refusesWork && !isProbe) {
      inFlight.addRefused();
      problems.answer(new ShuttingDown(), request, reply);
      return;
    }
    if (!isProbe) inFlight.add(reply.raw);
    const exceeded = limit.tryRefuse(request, reply);
    if (exceeded) {
      problems.answer(exceeded, request, reply);
      return;
    }
    const allowed = request.is404 ? routes.methodsOf(pathOf(request)) : [];
    if (allowed.length === 0) {
      next();
      return;
    }
    void reply.header('Allow', allowed.join(', '));
    problems.answer(new MethodNotAllowed(allowed), request, reply);
  });
  tellVersion(fastify, resources.versions, problems);
  // Otherwise a connection whose last answer came while the program drains would stay open, and hold it back.
  fastify.addHook('onSend', async (_request, reply) => {
    if (drain.hasBegun) reply.header('Connection', 'close');
  });
  serveDocuments(app, resources.versions);
  // Node would refuse what it does not know with a bare 417, in no form of ours; it may be passed over (RFC 9110, 10.1.1).
  const server = app.getHttpServer();
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  return app;
}
