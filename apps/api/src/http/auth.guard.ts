import { type Authentication, type Caller, KeyRefused, type KeyScope, requireScope } from '#tenancy';
import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PinoLogger } from 'nestjs-pino';
import { Asking } from './asking.js';
import { fingerprint, type RequestLimit } from './request-limit.js';
import { RequestInvalid } from './request-invalid.js';
import { traceOf } from './request-trace.js';
import type { ApiVersions } from '../versions/api-versions.js';
import { pathOf } from '../versions/path-of.js';

const NEEDS = 'ss:needs';

/** The scope that a route asks of its caller. A route without it is open to everyone: probes and documents. */
export const Needs = (scope: KeyScope): MethodDecorator & ClassDecorator => needs(scope);

/** Any scope will do: what the route tells is every key's to know. */
const ANY_SCOPE = 'any';
export const NeedsAnyKey = (): MethodDecorator & ClassDecorator => needs(ANY_SCOPE);

/** For the guard, and for the OpenAPI document. */
function needs(scope: KeyScope | typeof ANY_SCOPE): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(NEEDS, scope), ApiExtension('x-needs', scope));
}

const MAX_HEADER_CHARS = 500;
/** Keys are short; access tokens carry claims. */
const MAX_BEARER_CHARS = 8_000;

/** For an answer that lasts: whether the one who asked still may. */
export interface MayStill {
  /** The same for all requests that bring the same key for the same tenant. */
  fingerprint: string;
  /** Throws when the key has ended, or has not the scope any more. */
  askAgain: () => Promise<void>;
}

declare module 'fastify' {
  interface FastifyRequest {
    mayStill?: MayStill;
  }
}

/** Finds out who asks, for which tenant, whether it has asked too often, and checks the scope. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly authentication: Authentication,
    private readonly reflector: Reflector,
    private readonly limit: RequestLimit,
    private readonly log: Pick<PinoLogger, 'assign'>,
    private readonly versions: ApiVersions,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const scope = this.reflector.getAllAndOverride<KeyScope | typeof ANY_SCOPE | undefined>(NEEDS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (!scope) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller = await this.authenticate(request);
    const trace = traceOf(request);
    trace.span.set({ 'ss.tenant_id': caller.tenantId });
    this.log.assign({ tenant_id: caller.tenantId, actor_id: caller.actor.id, trace_id: trace.traceId });
    await this.limit.count(request, context.switchToHttp().getResponse<FastifyReply>(), caller.tenantId);
    request.asking = new Asking(caller, request.id, trace, reasonOf(request), this.sourceOf(request));
    if (scope !== ANY_SCOPE) requireScope(caller, scope);
    request.mayStill = {
      fingerprint: fingerprint(request),
      askAgain: async () => {
        const now = await this.authenticate(request);
        if (scope !== ANY_SCOPE) requireScope(now, scope);
      },
    };
    return true;
  }

  /** So that the audit tells what came by an address that will end. */
  private sourceOf(request: FastifyRequest): string {
    const version = this.versions.find(pathOf(request));
    if (!version) return 'api';
    return version.deprecated === null ? 'api' : `api/${version.name}`;
  }

  private async authenticate(request: FastifyRequest): Promise<Caller> {
    const actor = { kind: 'anonymous', id: 'anonymous' } as const;
    const anonymous = { actor, source: 'api', requestId: request.id };
    try {
      const chosenTenant = header(request, 'x-ss-tenant-id');
      return await this.authentication.authenticate(anonymous, bearerOf(request), chosenTenant);
    } catch (error) {
      this.limit.forget(request);
      throw error;
    }
  }
}

function bearerOf(request: FastifyRequest): string {
  const { authorization } = request.headers;
  if (authorization === undefined) {
    throw new KeyRefused('AUTH_BEARER_TOKEN_MISSING', 'Send an API key: Authorization: Bearer <key>.');
  }
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined || token.length > MAX_BEARER_CHARS) {
    throw new KeyRefused('AUTH_BEARER_TOKEN_INVALID', 'Authorization must be: Bearer <key>.');
  }
  return token;
}

/** Headers come as bytes, and people who write their language into one send UTF-8. */
function reasonOf(request: FastifyRequest): string | undefined {
  const reason = header(request, 'x-ss-reason');
  if (reason === null) return undefined;
  const read = Buffer.from(reason, 'latin1').toString('utf8');
  return read.includes('\ufffd') ? reason : read;
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
