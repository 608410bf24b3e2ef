import { DomainError } from '#observability';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

export class IfMatchInvalid extends DomainError {
  constructor() {
    super('IF_MATCH_INVALID', 'If-Match is the ETag of the job, its version in quotes: "3".');
  }
}

export class IfMatchRequired extends DomainError {
  constructor() {
    super('IF_MATCH_REQUIRED', 'Send If-Match with the ETag that you read, so that no one’s edit is lost.');
  }
}

/** The version in `If-Match` (RFC 9110, 13.1.1): null when the header is absent or `*`. */
export const IfMatch = createParamDecorator((_: unknown, context: ExecutionContext): number | null => {
  return versionOf(context.switchToHttp().getRequest<FastifyRequest>().headers['if-match']);
});

export function versionOf(header: string | undefined): number | null {
  if (header === undefined || header.trim() === '*') return null;
  const version = Number(/^\s*(?:W\/)?"([1-9][0-9]{0,15})"\s*$/.exec(header)?.[1]);
  if (!Number.isSafeInteger(version)) throw new IfMatchInvalid();
  return version;
}

/** The same, where the change may not be made without it. */
export function required(version: number | null): number {
  if (version === null) throw new IfMatchRequired();
  return version;
}
