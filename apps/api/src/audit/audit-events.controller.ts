import { type AuditPlace, AuditTrail } from '#audit';
import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { CursorInvalid, decodeCursor, encodeCursor } from '../http/cursor.js';
import { Documented } from '../http/documented.js';
import { AuditPage, AuditSearchQuery } from './audit.body.js';

const DEFAULT_PAGE = 200;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

@ApiTags('audit')
@Documented()
@Controller('v1/audit')
export class AuditEventsController {
  constructor(private readonly trail: AuditTrail) {}

  @Get()
  @Needs('audit:read')
  @ApiOperation({ summary: 'What happened in the tenant, newest first; `since` makes it quick' })
  @ApiOkResponse({ type: AuditPage })
  async list(@Asks() asking: Asking, @Query() query: AuditSearchQuery): Promise<AuditPage> {
    const { limit = DEFAULT_PAGE, cursor, ...filter } = query;
    const before = cursor === undefined ? undefined : placeOf(cursor);
    // One more than asked tells whether there is a next page.
    const events = await this.trail.search(asking.scope(), filter, { before, limit: limit + 1 });
    const items = events.slice(0, limit);
    const last = items.at(-1);
    const more = events.length > limit && last;
    return { items, next_cursor: more ? encodeCursor([last.occurred_at, String(last.event_id)]) : null };
  }
}

function placeOf(cursor: string): AuditPlace {
  const [occurredAt = '', id] = decodeCursor(cursor, 2);
  const eventId = Number(id);
  const isPlace = INSTANT.test(occurredAt) && !Number.isNaN(Date.parse(occurredAt)) && Number.isSafeInteger(eventId);
  if (!isPlace) throw new CursorInvalid();
  return { occurredAt, eventId };
}
