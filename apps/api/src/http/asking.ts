import type { TenantScope } from '#database';
import type { Caller } from '#tenancy';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** Who asks, and under which request. */
export class Asking {
  constructor(
    readonly caller: Caller,
    readonly requestId: string,
    readonly traceId: string,
    private readonly headerReason: string | undefined,
  ) {}

  /** What the database is told: tenant, actor, request, and why. */
  scope(reason?: string): TenantScope {
    return {
      tenantId: this.caller.tenantId,
      actor: this.caller.actor,
      source: 'api',
      requestId: this.requestId,
      reason: reason ?? this.headerReason,
    };
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    asking?: Asking;
  }
}

/** The parameter of a handler that tells who asks. The guard has put it there. */
export const Asks = createParamDecorator((_: unknown, context: ExecutionContext): Asking => {
  const { asking } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!asking) throw new Error('a route without a guard asked who is asking');
  return asking;
});
