import type { FastifyReply, FastifyRequest } from 'fastify';

/** Answers are data: a browser that is led to one loads, runs and frames nothing. */
const OF_DATA = "default-src 'none'; frame-ancestors 'none'";
/** Swagger UI, which comes from here alone and writes styles and a start script into its page. */
const OF_DOCS =
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "frame-ancestors 'none'";

/**
 * What every answer tells browsers. Few headers of our own rather than a package of them: there are no cookies, no
 * forms and one page. TLS ends before the program, and so does `Strict-Transport-Security`.
 */
export function tellBrowsers(request: FastifyRequest, reply: FastifyReply): void {
  void reply.headers({
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Content-Security-Policy': isDocs(request.url) ? OF_DOCS : OF_DATA,
  });
  // Keys decide what is seen: no cache that is shared may keep it, and one's own asks again.
  if (request.url.startsWith('/v1/')) void reply.header('Cache-Control', 'private, no-cache');
}

function isDocs(url: string): boolean {
  return /^\/docs(?:[/?]|$)/.test(url);
}
