import { DomainError } from '#observability';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import { acceptsAny } from './accepts.js';
import { RequestInvalid } from './request-invalid.js';

/** Where `@ApiProduces` says what a route answers with. */
const PRODUCES = 'swagger/apiProduces';
const JSON_TYPE = 'application/json';

export class NotAcceptable extends DomainError {
  constructor(produced: readonly string[]) {
    super(
      'NOT_ACCEPTABLE',
      `This address answers with ${produced.join(', ')}; the Accept header takes none.`,
      {
        produced,
      },
    );
  }
}

/** Refuses what the route would not heed: a query where it has none, an `Accept` that takes nothing of its answers. */
@Injectable()
export class RequestShapeGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (request.routeOptions.url?.startsWith('/v1/') !== true) return true;
    const names = Object.keys(request.query as object);
    if (names.length > 0 && !hasQuery(context)) {
      throw new RequestInvalid(
        names.map((name) => ({
          pointer: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
          detail: 'is not a parameter of this request',
        })),
      );
    }
    const { accept } = request.headers;
    const produced = producedBy(context);
    if (accept !== undefined && !acceptsAny(accept, produced)) throw new NotAcceptable(produced);
    return true;
  }
}

function producedBy(context: ExecutionContext): readonly string[] {
  const own = Reflect.getMetadata(PRODUCES, context.getHandler()) as readonly string[] | undefined;
  return own ?? [JSON_TYPE];
}

/** Whether the handler takes a query, all of whose fields the pipe then checks. */
function hasQuery(context: ExecutionContext): boolean {
  const taken = Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), context.getHandler().name) as
    Record<string, unknown> | undefined;
  return Object.keys(taken ?? {}).some((place) => place.startsWith(`${String(RouteParamtypes.QUERY)}:`));
}
