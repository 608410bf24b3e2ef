import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * Reads that a client has already are answered with 304. What has a version says it as strong `ETag`; any other JSON
 * under a key gets a weak one of its bytes. What a strong `ETag` names goes out byte for byte (RFC 9110, 8.8.3.3), and
 * what holds a secret is not to be guessed by its compressed length (BREACH): neither is compressed.
 */
export function answerConditions(fastify: FastifyInstance): void {
  fastify.addHook('onSend', async (request, reply, payload) => {
    if (READS.has(request.method) && reply.statusCode === 200) {
      if (!reply.hasHeader('etag') && isJson(reply) && request.url.startsWith('/v1/')) {
        const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : null;
        if (bytes !== null) void reply.header('ETag', weakTag(bytes));
      }
      if (isKnown(request, reply)) return notModified(reply, payload);
    }
    if (isSentAsItIs(reply)) request.headers['x-no-compression'] = '1';
    return payload;
  });
}

function isJson(reply: FastifyReply): boolean {
  return String(reply.getHeader('content-type') ?? '').startsWith('application/json');
}

function weakTag(bytes: string | Buffer): string {
  return `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
}

/** By the weak comparison, which is the one for `If-None-Match` (RFC 9110, 13.1.2). */
function isKnown(request: FastifyRequest, reply: FastifyReply): boolean {
  const known = request.headers['if-none-match'];
  const tag = reply.getHeader('etag');
  if (known === undefined || typeof tag !== 'string') return false;
  return known.trim() === '*' || tagsOf(known).includes(opaque(tag));
}

/** The tags of a list, without their weakness. */
export function tagsOf(header: string): string[] {
  return [...header.matchAll(/(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g)].map(([, tag]) => tag ?? '');
}

function opaque(tag: string): string {
  return tag.replace(/^W\//, '');
}

function notModified(reply: FastifyReply, payload: unknown): string {
  // Nobody will read it to its end, which is when it would let go of its file.
  if (payload instanceof Readable) payload.destroy();
  void reply.code(304);
  for (const header of ['content-length', 'content-type', 'content-disposition']) reply.removeHeader(header);
  return '';
}

function isSentAsItIs(reply: FastifyReply): boolean {
  const tag = reply.getHeader('etag');
  return (
    (typeof tag === 'string' && !tag.startsWith('W/')) ||
    reply.hasHeader('content-range') ||
    String(reply.getHeader('cache-control') ?? '').includes('no-store')
  );
}
