import type { FastifyReply } from 'fastify';

/** The version of the protocol that is spoken: https://tus.io/protocols/resumable-upload. */
export const TUS = '1.0.0';
export const TUS_CONTENT = 'application/offset+octet-stream';

const EXTENSIONS = 'creation,creation-with-upload,expiration,termination';
const UPLOADS = /^\/v\d+\/jobs\/[^/]+\/inputs\/uploads(?:\/[^/]*)?$/;

/** What the protocol has OPTIONS tell of a server, at the addresses of uploads and no others. */
export function tellTus(path: string, reply: FastifyReply, maxBytes: number): void {
  if (!UPLOADS.test(path)) return;
  void reply.headers({
    'Tus-Resumable': TUS,
    'Tus-Version': TUS,
    'Tus-Extension': EXTENSIONS,
    'Tus-Max-Size': maxBytes,
  });
}
