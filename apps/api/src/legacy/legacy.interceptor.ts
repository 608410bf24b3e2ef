import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import type { LegacyJobs } from './legacy-jobs.js';

interface NamesJob {
  Params: { job_id?: unknown };
  Body: unknown;
}

/** Before a route looks at a job, the job is lifted out of the legacy tree if that alone has it. */
@Injectable()
export class LegacyInterceptor implements NestInterceptor {
  constructor(private readonly legacy: LegacyJobs) {}

  async intercept(context: ExecutionContext, next: CallHandler<unknown>): Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<FastifyRequest<NamesJob>>();
    const jobId = jobNamedBy(request);
    if (request.asking && jobId !== null) await this.legacy.ensure(request.asking.caller.tenantId, jobId);
    return next.handle();
  }
}

/** In the address; or in the body of one who wants to make a job of an id that the tree may have. */
function jobNamedBy({ params, body }: FastifyRequest<NamesJob>): string | null {
  const { job_id: inAddress } = params;
  if (typeof inAddress === 'string') return inAddress;
  const wanted = typeof body === 'object' && body !== null && 'job_id' in body ? body.job_id : null;
  return typeof wanted === 'string' ? wanted : null;
}
