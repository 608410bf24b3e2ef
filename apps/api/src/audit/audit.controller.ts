import { AuditTrail } from '#audit';
import { JobLifecycle } from '#jobs';
import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { CursorInvalid, decodeCursor, encodeCursor } from '../http/cursor.js';
import { Documented, JOB_ID } from '../http/documented.js';
import { JobIdParam } from '../http/path-params.js';
import { AuditPage, AuditQuery } from './audit.body.js';

const DEFAULT_PAGE = 200;

@ApiTags('audit')
@Documented()
@Controller('v1/jobs/:job_id/audit')
export class AuditController {
  constructor(
    private readonly lifecycle: JobLifecycle,
    private readonly trail: AuditTrail,
  ) {}

  @Get()
  @Needs('audit:read')
  @JOB_ID
  @ApiOperation({ summary: 'Who did what to this job, when and why, oldest first' })
  @ApiOkResponse({ type: AuditPage })
  async list(@Asks() asking: Asking, @JobIdParam() jobId: string, @Query() query: AuditQuery): Promise<AuditPage> {
    await this.lifecycle.get(asking.scope(), jobId);
    const limit = query.limit ?? DEFAULT_PAGE;
    const events = await this.trail.of(asking.scope(), {
      resourceType: 'job',
      resourceId: jobId,
      limit: limit + 1,
      ...(query.cursor === undefined ? {} : { afterEventId: placeOf(query.cursor) }),
    });
    const items = events.slice(0, limit);
    const last = items.at(-1);
    return { items, next_cursor: events.length > limit && last ? encodeCursor([String(last.event_id)]) : null };
  }
}

function placeOf(cursor: string): number {
  const eventId = Number(decodeCursor(cursor, 1)[0]);
  if (!Number.isSafeInteger(eventId) || eventId < 0) throw new CursorInvalid();
  return eventId;
}
