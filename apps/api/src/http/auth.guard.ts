import { newTraceId, traceIdOf } from '#observability';
import { ApiKeys, KeyRefused, type KeyScope, requireScope } from '#tenancy';
import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { PinoLogger } from 'nestjs-pino';
import { Asking } from './asking.js';
import { RequestInvalid } from './request-invalid.js';

const NEEDS = 'ss:needs';

/** The scope that a route asks of its caller. A route without it is open to everyone: probes and documents. */
export const Needs = (scope: KeyScope): MethodDecorator & ClassDecorator => SetMetadata(NEEDS, scope);

const MAX_HEADER_CHARS = 500;

/** Looks the key up, decides the tenant, and checks the scope. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly keys: ApiKeys,
    private readonly reflector: Reflector,
    private readonly log: Pick<PinoLogger, 'assign'>,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const scope = this.reflector.getAllAndOverride<KeyScope | undefined>(NEEDS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (!scope) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const anonymous = {
      actor: { kind: 'anonymous', id: 'anonymous' },
      source: 'api',
      requestId: request.id,
    } as const;
    const caller = await this.keys.authenticate(
      anonymous,
      bearerOf(request),
      header(request, 'x-ss-tenant-id'),
    );
    const traceId = traceIdOf(header(request, 'traceparent') ?? undefined) ?? newTraceId();
    this.log.assign({ tenant_id: caller.tenantId, actor_id: caller.actor.id, trace_id: traceId });
    requireScope(caller, scope);
    request.asking = new Asking(caller, request.id, traceId, header(request, 'x-ss-reason') ?? undefined);
    return true;
  }
}

function bearerOf(request: FastifyRequest): string {
  const { authorization } = request.headers;
  if (authorization === undefined) {
    throw new KeyRefused('AUTH_BEARER_TOKEN_MISSING', 'Send an API key: Authorization: Bearer <key>.');
  }
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined || token.length > 2_000) {
    throw new KeyRefused('AUTH_BEARER_TOKEN_INVALID', 'Authorization must be: Bearer <key>.');
  }
  return token;
}

/** A header of ours: absent, or one well-formed value of a sensible length. */
function header(request: FastifyRequest, name: string): string | null {
  const value = request.headers[name];
  if (value === undefined) return null;
  const text = typeof value === 'string' ? value.trim() : '';
  if (text === '' || text.length > MAX_HEADER_CHARS) {
    throw new RequestInvalid([
      {
        pointer: '',
        detail: `the header ${name} must be one value of 1 to ${String(MAX_HEADER_CHARS)} characters`,
      },
    ]);
  }
  return text;
}
