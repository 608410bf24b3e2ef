import { NotReady } from '#health';
import { type Logger, metrics } from '#observability';
import { type DeniedAttempts, QuotaExceeded } from '#tenancy';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { asLegacy } from '../legacy-routes/legacy-refusal.js';
import type { ApiVersions } from '../versions/api-versions.js';
import { pathOf } from '../versions/path-of.js';
import { denialOf } from './denials.js';
import { problemOf, refusalOf } from './problem.js';

/** What changes nothing, whatever became of its transaction. */
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The one place where an error becomes an answer. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly denied: DeniedAttempts,
    private readonly versions: ApiVersions,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (error instanceof NotReady) {
      void reply.status(503).send(error.report);
      return;
    }
    this.answer(error, request, reply);
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const problem = problemOf(refusalOf(error, !READS.has(request.method)), request.id);
    const denial = denialOf(error, problem, request);
    if (denial) this.denied.note(denial);
    if (problem.code === 'JOB_VERSION_CONFLICT') metrics.versionConflicts.inc();
    if (error instanceof QuotaExceeded) metrics.quotaRefusals.inc({ code: error.code });
    const event = {
      request_id: request.id,
      method: request.method,
      status: problem.status,
      code: problem.code,
    };
    // Not the detail: it may quote what the client sent, a cell of its data say.
    // 501: what this deployment is not set up for. Nothing failed.
    if (problem.status < 500 || problem.status === 501)
      this.logger.info({ event: 'SS_API_REFUSED', ...event }, 'refused');
    else if (problem.status === 503)
      this.logger.warn({ event: 'SS_API_UNAVAILABLE', ...event }, problem.detail);
    else this.logger.error({ event: 'SS_API_UNHANDLED_EXCEPTION', ...event, err: error }, 'a request failed');
    // The headers are out: the client sees a body that breaks off, which is all that can be said.
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    if (problem.status === 401) void reply.header('WWW-Authenticate', 'Bearer');
    if (problem.status === 503) void reply.header('Retry-After', '2');
    const retryAfter = problem['retry_after_seconds'];
    if ([409, 429].includes(problem.status) && typeof retryAfter === 'number')
      void reply.header('Retry-After', String(retryAfter));
    if (problem.code === 'JOB_VERSION_CONFLICT')
      void reply.header('ETag', `"${String(problem['current_version'])}"`);
    if (problem.code === 'JOB_ALREADY_EXISTS')
      void reply.header('Location', `/v1/jobs/${encodeURIComponent(String(problem['job_id']))}`);
    if (problem.code === 'ARTIFACT_RANGE_UNSATISFIABLE')
      void reply.header('Content-Range', `bytes */${String(problem['bytes'])}`);
    void reply.header('X-SS-Request-Id', request.id);
    if (this.versions.find(pathOf(request))?.refusals === 'legacy') {
      const { status, body } = asLegacy(problem);
      void reply
        .status(status)
        .header('Content-Type', 'application/json; charset=utf-8')
        .send(JSON.stringify(body));
      return;
    }
    void reply
      .status(problem.status)
      .header('Content-Type', 'application/problem+json; charset=utf-8')
      // As text: the serialiser of the route is for its proper answers.
      .send(JSON.stringify(problem));
  }
}
