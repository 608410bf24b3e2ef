import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Observable, tap } from 'rxjs';

/** Every page of a list says as Link (RFC 8288) where the first page is, and the next one if there is one. */
@Injectable()
export class PageLinkInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const http = context.switchToHttp();
    const { url } = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    return next.handle().pipe(
      tap((body) => {
        if (body === null || typeof body !== 'object' || !('next_cursor' in body)) return;
        void reply.header('Link', linksOf(url, body.next_cursor));
      }),
    );
  }
}

/** Without the host, which a proxy may have changed: a client resolves them against the address that it asked. */
export function linksOf(url: string, nextCursor: unknown): string {
  const link = (cursor: string | null, rel: string): string => {
    const [path = '', query = ''] = url.split('?');
    const parameters = new URLSearchParams(query);
    parameters.delete('cursor');
    if (cursor !== null) parameters.set('cursor', cursor);
    return `<${path}${parameters.size > 0 ? '?' : ''}${parameters.toString()}>; rel="${rel}"`;
  };
  const first = link(null, 'first');
  return typeof nextCursor === 'string' ? `${link(nextCursor, 'next')}, ${first}` : first;
}
