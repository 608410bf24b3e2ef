import { hasEnded, JobLifecycle } from '#jobs';
import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import {
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, JOB_ID } from '../http/documented.js';
import { JobIdParam } from '../http/path-params.js';
import { RequestInvalid } from '../http/request-invalid.js';
import type { Following } from './event-stream.js';
import { EventStreams } from './event-streams.js';
import { EventsQuery, filterOf, JobEventsQuery } from './events.query.js';
import { EVENT_STREAM, retryText } from './sse.js';

const LAST_EVENT_ID: MethodDecorator = ApiHeader({
  name: 'Last-Event-ID',
  required: false,
  description:
    'The `id` of the last event that was received: goes on behind it. Browsers send it by themselves.',
});
const EVENTS: MethodDecorator = ApiOkResponse({
  description: 'Server-sent events: `id` is a number that rises, `data` a JSON object.',
  schema: { type: 'string' },
});
/** Readers of a server that goes away do not all come back at once. */
const RETRY_MIN_MS = 1_000;
const RETRY_SPREAD_MS = 2_000;

/** What happens to jobs, told while it happens. */
@ApiTags('events')
@Documented()
@Controller('v1')
export class EventsController {
  constructor(
    private readonly streams: EventStreams,
    private readonly lifecycle: JobLifecycle,
  ) {}

  @Get('events')
  @Needs('jobs:read')
  @LAST_EVENT_ID
  @ApiProduces(EVENT_STREAM)
  @ApiOperation({ summary: 'Follow all jobs of the tenant, from now on or from where a stream ended' })
  @EVENTS
  async ofTenant(
    @Asks() asking: Asking,
    @Query() query: EventsQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const after = afterOf(lastEventId) ?? query.after ?? null;
    const following = { scope: asking.scope(), filter: filterOf(query, asking), after, endsAt: null };
    this.streams.assertRoom(asking.caller.tenantId);
    await this.serve(request, reply, following);
  }

  @Get('jobs/:job_id/events')
  @Needs('jobs:read')
  @JOB_ID
  @LAST_EVENT_ID
  @ApiProduces(EVENT_STREAM)
  @ApiOperation({ summary: 'Follow a job from its beginning, or from where a stream ended, until its end' })
  @EVENTS
  @ApiNoContentResponse({ description: 'The job has ended, and nothing comes behind that event.' })
  async ofJob(
    @Asks() asking: Asking,
    @JobIdParam() jobId: string,
    @Query() query: JobEventsQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const scope = asking.scope();
    const after = afterOf(lastEventId) ?? query.after;
    const job = await this.lifecycle.get(scope, jobId);
    const endsAt = hasEnded(job.status) ? await this.streams.log.lastOf(scope, jobId) : null;
    if (after !== undefined && endsAt !== null && after >= endsAt) {
      // Tells an EventSource that it need not come again.
      await reply.status(204).send();
      return;
    }
    this.streams.assertRoom(asking.caller.tenantId);
    const filter = { ...filterOf(query, asking), jobId };
    await this.serve(request, reply, { scope, filter, after: after ?? 0, endsAt });
  }

  /** Past Fastify: no answer is waited for, compressed or measured, and what is written goes out at once. */
  private async serve(request: FastifyRequest, reply: FastifyReply, following: Following): Promise<void> {
    const { mayStill } = request;
    if (!mayStill) throw new Error('a stream was asked for by nobody');
    reply.hijack();
    const response = reply.raw;
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) response.setHeader(name, value);
    }
    response.writeHead(200, {
      'Content-Type': EVENT_STREAM,
      'Cache-Control': 'no-store',
      // Proxies that collect an answer before they hand it on would tell nothing until its end.
      'X-Accel-Buffering': 'no',
    });
    // HEAD comes here too, and follows nothing.
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.write(retryText(Math.round(RETRY_MIN_MS + Math.random() * RETRY_SPREAD_MS)));
    await this.streams.serve(response, following, mayStill);
  }
}

function afterOf(lastEventId: string | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  if (!/^\d{1,15}$/.test(lastEventId)) {
    throw new RequestInvalid([{ pointer: '', detail: 'the header last-event-id must be an id of an event' }]);
  }
  return Number(lastEventId);
}
