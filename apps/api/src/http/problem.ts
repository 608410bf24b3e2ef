import { CommitUnknown, isBusy, isUnavailable } from '#database';
import { type ErrorCode, type Fault, isDomainError, isErrorCode } from '#observability';
import { HttpException } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { STATUS_CODES } from 'node:http';
import { STATUSES } from './statuses.js';

export class FaultBody implements Fault {
  @ApiProperty({
    description: 'JSON pointer (RFC 6901) of the field at fault.',
    example: '/plan/steps/0/type',
  })
  pointer!: string;

  @ApiProperty()
  detail!: string;
}

/** The body of every refusal: Problem Details (RFC 9457), with a code that programs can rely on. */
export class ProblemBody {
  @ApiProperty({ example: 'urn:ss:error:JOB_NOT_FOUND' })
  type!: string;

  @ApiProperty({ example: 'Not Found' })
  title!: string;

  @ApiProperty({ example: 404 })
  status!: number;

  @ApiProperty({ description: 'What was refused, what it is now, what would help.' })
  detail!: string;

  @ApiProperty({ example: 'JOB_NOT_FOUND' })
  code!: string;

  @ApiProperty()
  request_id!: string;

  @ApiPropertyOptional({ type: [FaultBody] })
  errors?: Fault[];

  /** The facts of the refusal, such as `current_version`. */
  [fact: string]: unknown;
}

/** What an error is to a client: a code, a sentence, facts. Never anything of the inside. */
interface Refusal {
  code: ErrorCode;
  /** Where it is not the code's own. */
  status?: number;
  detail: string;
  facts?: Readonly<Record<string, unknown>>;
  errors?: readonly Fault[];
}

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  404: 'API_NOT_FOUND',
  405: 'API_METHOD_NOT_ALLOWED',
  413: 'BODY_TOO_LARGE',
  415: 'MEDIA_TYPE_UNSUPPORTED',
};

const UNAVAILABLE: Refusal = {
  code: 'DATABASE_UNAVAILABLE',
  detail: 'The database cannot serve now. Try again shortly.',
};

/** `changes`: the request may have changed something, unlike a GET. */
export function refusalOf(error: unknown, changes = true): Refusal {
  if (error instanceof CommitUnknown) {
    if (!changes) return UNAVAILABLE;
    const detail =
      'The database did not say whether it kept the change: it may have happened. To find out, repeat the request ' +
      'with the same Idempotency-Key, if it had one, or read the resource.';
    return { code: error.code, detail };
  }
  if (isDomainError(error) && isErrorCode(error.code)) {
    return { code: error.code, detail: error.message, facts: error.facts, errors: error.errors };
  }
  if (isBusy(error)) {
    const detail = 'Others held the rows for too long. Nothing was changed. Try again shortly.';
    return { code: 'DATABASE_BUSY', detail };
  }
  if (isUnavailable(error)) return UNAVAILABLE;
  const status = httpStatusOf(error);
  if (status !== null && status < 500 && error instanceof Error) {
    const code = CODE_OF_STATUS[status] ?? 'API_HTTP_ERROR';
    return { code, status, detail: code === 'API_NOT_FOUND' ? 'There is no such route.' : error.message };
  }
  return {
    code: 'SERVICE_INTERNAL_ERROR',
    detail: 'The service failed to answer. The request id finds the cause in its logs.',
  };
}

/** Nest's and Fastify's own errors say which status they mean. */
function httpStatusOf(error: unknown): number | null {
  if (error instanceof HttpException) return error.getStatus();
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number')
    return error.statusCode;
  return null;
}

export function problemOf(refusal: Refusal, requestId: string): ProblemBody {
  const status = refusal.status ?? STATUSES[refusal.code];
  return {
    ...refusal.facts,
    type: `urn:ss:error:${refusal.code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: refusal.detail,
    code: refusal.code,
    request_id: requestId,
    ...(refusal.errors && refusal.errors.length > 0 ? { errors: [...refusal.errors] } : {}),
  };
}
