import multipart from '@fastify/multipart';
import { FrameworkLogger } from '#observability';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ApiModule, type ApiResources } from './api.module.js';
import { ProblemFilter } from './http/problem.filter.js';
import { MethodNotAllowed, RouteTable } from './http/route-table.js';
import { serveDocuments } from './openapi.js';

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const MAX_PATH_PARAM = 4_096;
const REQUEST_TIMEOUT_MS = 30 * 60_000;
const MAX_UPLOAD_PARTS = 200;

/** The client's own request id where it is a plain one; else a new one. */
function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-ss-request-id'] ?? request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomBytes(16).toString('hex');
}

/** Builds the application over open resources; `listen` and `close` are the caller's. */
export async function createApi(
  resources: ApiResources,
  bodyMaxBytes: number,
): Promise<NestFastifyApplication> {
  const problems = new ProblemFilter(resources.logger);
  const adapter = new FastifyAdapter({
    bodyLimit: bodyMaxBytes,
    genReqId: requestIdOf,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PATH_PARAM },
    // A path that cannot be decoded never reaches a route, nor Nest.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      problems.answer(error, request, reply);
    },
  });
  const routes = new RouteTable();
  adapter.getInstance().addHook('onRoute', ({ method, url }) => {
    for (const one of Array.isArray(method) ? method : [method]) routes.add({ method: one, url });
  });
  adapter.getInstance().addHook('onRequest', async (request, reply) => {
    reply.header('X-SS-Request-Id', request.id);
  });
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.register(resources), adapter, {
    logger: new FrameworkLogger(resources.logger),
  });
  await app.register(multipart, {
    // The store counts the bytes and refuses with a code of ours.
    limits: { fileSize: Number.MAX_SAFE_INTEGER, parts: MAX_UPLOAD_PARTS, fieldSize: 1_000, fields: 100 },
  });
  // Behind the request logging, so that these refusals are logged like all others.
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (request, reply, next) => {
      const allowed = request.is404 ? routes.methodsOf(request.url.split('?')[0] ?? '') : [];
      if (allowed.length === 0) {
        next();
        return;
      }
      void reply.header('Allow', allowed.join(', '));
      problems.answer(new MethodNotAllowed(allowed), request, reply);
    });
  serveDocuments(app);
  return app;
}
