import { metrics } from '#observability';
import { canonicalJson } from '#plans';
import type { RepeatKey } from '#tenancy';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { defer, finalize, mergeMap, type Observable } from 'rxjs';
import { RepeatsUnderWay } from './repeats-under-way.js';
import { RequestInvalid } from './request-invalid.js';
import { assertWellFormed, type JsonLimits } from './well-formed.js';

const MAX_KEY = 255;

/**
 * Reads `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07) of a POST. The change and the key are kept
 * by one transaction, in the lib that makes the change; here the request gets what tells it from others.
 */
@Injectable()
export class RepeatInterceptor implements NestInterceptor {
  private readonly underWay = new RepeatsUnderWay();

  constructor(private readonly settings: JsonLimits & { idempotencyTtlHours: number }) {}

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    const { asking } = request;
    if (request.method !== 'POST' || key === undefined || !asking) return next.handle();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const repeat = this.repeatOf(request, reply, String(key));
    asking.repeat = repeat;
    const name = JSON.stringify([asking.caller.tenantId, repeat.route, repeat.key]);
    return defer(() => this.underWay.enter(name)).pipe(
      mergeMap((leave) => next.handle().pipe(finalize(leave))),
    );
  }

  private repeatOf(request: FastifyRequest, reply: FastifyReply, key: string): RepeatKey {
    if (key === '' || key.length > MAX_KEY) {
      const detail = `Idempotency-Key must have 1 to ${String(MAX_KEY)} characters`;
      throw new RequestInvalid([{ pointer: '', detail }]);
    }
    // Before its form is looked at elsewhere: what is no value has no fingerprint either.
    assertWellFormed(request.body, this.settings);
    return {
      route: `POST ${request.routeOptions.url ?? ''}`,
      key,
      // The ids of the address are part of the request: the same key for another job is another request.
      bodySha256: createHash('sha256')
        .update(canonicalJson([request.params, request.isMultipart() ? null : (request.body ?? null)]))
        .digest('hex'),
      ttlHours: this.settings.idempotencyTtlHours,
      status: reply.statusCode,
      onReplay: () => {
        metrics.idempotentReplays.inc();
        void reply.header('Idempotent-Replayed', 'true');
      },
    };
  }
}
