import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiDefaultResponse, ApiHeader, ApiParam } from '@nestjs/swagger';
import { ProblemBody } from './problem.js';

/** What every route behind a key has in common in the OpenAPI document. */
export const Documented = (): ClassDecorator =>
  applyDecorators(
    ApiBearerAuth(),
    ApiHeader({
      name: 'X-SS-Tenant-ID',
      required: false,
      description: 'Repeats the tenant of the key, or chooses one where the key has platform:admin.',
    }),
    ApiHeader({
      name: 'X-SS-Reason',
      required: false,
      description: 'Why; kept in the audit. Some acts need it, here or in the body.',
    }),
    ApiDefaultResponse({
      description: 'Any refusal, as Problem Details (RFC 9457).',
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemBody' } } },
    }),
  );

export const DOCUMENTED_MODELS = [ProblemBody] as const;

export const JOB_ID: MethodDecorator = ApiParam({ name: 'job_id', schema: { type: 'string' } });

export const IF_MATCH: MethodDecorator = ApiHeader({
  name: 'If-Match',
  required: false,
  description: 'The ETag of the job as it was read: refused with 412 when it has changed since.',
});

export const PREFER_WAIT: MethodDecorator = ApiHeader({
  name: 'Prefer',
  required: false,
  description: 'wait=N: hold the answer until there is one, N seconds at most (60).',
});

export const REPEATABLE: MethodDecorator = ApiHeader({
  name: 'Idempotency-Key',
  required: false,
  description:
    'Chosen by the client, 1 to 255 characters. The same key and request again: done once, and answered as the first ' +
    'time, with `Idempotent-Replayed: true`. Another request: 422. The first one not done yet: 409.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
});
