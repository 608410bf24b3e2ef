import { type Caller, ReasonRequired, type RepeatableScope, type RepeatKey } from '#tenancy';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { RequestTrace } from './request-trace.js';

/** Who asks, and under which request. */
export class Asking {
  /** Set where the client may send the same request again; see RepeatInterceptor. */
  repeat: RepeatKey | null = null;

  constructor(
    readonly caller: Caller,
    readonly requestId: string,
    readonly trace: Pick<RequestTrace, 'traceId' | 'parent'>,
    private readonly headerReason: string | undefined,
    /** Through which door: `api`, or `api/unversioned` for a version that is deprecated. */
    private readonly source = 'api',
  ) {}

  /** What the database is told: tenant, actor, request, and why, if that was said. */
  scope(): RepeatableScope {
    return {
      tenantId: this.caller.tenantId,
      actor: this.caller.actor,
      source: this.source,
      requestId: this.requestId,
      reason: this.headerReason,
      repeat: this.repeat,
    };
  }

  /** The same for what is done for a reason only: that of the body, or of X-SS-Reason. Throws `REASON_REQUIRED`. */
  because(bodyReason: string | undefined): RepeatableScope & { reason: string } {
    const reason = bodyReason !== undefined && /\S/.test(bodyReason) ? bodyReason : this.headerReason;
    if (reason === undefined) throw new ReasonRequired();
    return { ...this.scope(), reason };
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
