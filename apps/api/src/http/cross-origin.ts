import cors from '@fastify/cors';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';

const PREFLIGHT_SECONDS = 600;

/** What of an answer a page may read besides its body. */
const EXPOSED = [
  ...['ETag', 'Location', 'Link', 'Retry-After', 'X-SS-Request-Id', 'Idempotent-Replayed'],
  ...['RateLimit', 'RateLimit-Policy', 'Deprecation', 'Sunset', 'traceparent', 'Allow'],
  ...['Content-Disposition', 'Content-Range', 'Accept-Ranges'],
  ...['Tus-Resumable', 'Tus-Version', 'Tus-Extension', 'Tus-Max-Size'],
  ...['Upload-Offset', 'Upload-Length', 'Upload-Expires'],
];

/**
 * Lets pages of these origins call the API. Never with cookies: there are none, the key is a header. A page of any
 * other origin gets an answer that its browser keeps from it.
 */
export async function allowOrigins(app: NestFastifyApplication, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  await app.register(cors, {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: EXPOSED,
    maxAge: PREFLIGHT_SECONDS,
    credentials: false,
  });
}

/** A browser that asks whether its page may. Any other OPTIONS asks what the address takes. */
export function isPreflight({ headers }: FastifyRequest): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
