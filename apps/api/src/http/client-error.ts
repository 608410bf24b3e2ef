import type { Logger } from '#observability';
import { randomBytes } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { problemOf } from './problem.js';

/** What Node's parser makes of bytes that are no request; everything else is 400. */
const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Answers what is no HTTP: there is no request yet, so neither Nest nor a filter will ever see it. */
export function answerClientError(logger: Logger): (error: NodeJS.ErrnoException, socket: Socket) => void {
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const status = STATUS_OF[error.code ?? ''] ?? 400;
    const requestId = randomBytes(16).toString('hex');
    const detail = 'This is no HTTP request that can be read.';
    const body = JSON.stringify(problemOf({ code: 'API_HTTP_ERROR', status, detail }, requestId));
    logger.info({ event: 'SS_API_REFUSED', request_id: requestId, status, code: 'API_HTTP_ERROR' }, detail);
    socket.end(
      [
        `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? 'Error'}`,
        'Content-Type: application/problem+json; charset=utf-8',
        `Content-Length: ${String(Buffer.byteLength(body))}`,
        `X-SS-Request-Id: ${requestId}`,
        'Connection: close',
        '',
        body,
      ].join('\r\n'),
    );
  };
}
