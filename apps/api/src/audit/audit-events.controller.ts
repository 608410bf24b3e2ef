import { AuditExports, type AuditPlace, AuditTrail } from '#audit';
import { Controller, Get, Query, Req, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { CursorInvalid, decodeCursor, encodeCursor } from '../http/cursor.js';
import { Documented } from '../http/documented.js';
import { AuditExportQuery, AuditPage, AuditSearchQuery } from './audit.body.js';

const DEFAULT_PAGE = 200;
const NDJSON = 'application/x-ndjson';
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

@ApiTags('audit')
@Documented()
@Controller('v1/audit')
export class AuditEventsController {
  constructor(
    private readonly trail: AuditTrail,
    private readonly exports: AuditExports,
  ) {}

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

  @Get('export')
  @Needs('audit:read')
  @ApiProduces(NDJSON)
  @ApiOperation({ summary: 'All of it, oldest first, up to now: as rows, OCSF API Activity or CloudEvents' })
  @ApiOkResponse({ schema: { type: 'string' } })
  async export(
    @Asks() asking: Asking,
    @Query() query: AuditExportQuery,
    @Req() request: FastifyRequest,
  ): Promise<StreamableFile> {
    const { format = 'ndjson', ...filter } = query;
    const options = { type: NDJSON, disposition: `attachment; filename="audit.${format}.ndjson"` };
    // HEAD comes here too, and takes nothing.
    if (request.method === 'HEAD') return new StreamableFile(Buffer.alloc(0), options);
    const started = await this.exports.begin(asking.scope(), { format, filter });
    // Reads the next lines when the client has taken those before, and ends the export when the client goes away.
    return new StreamableFile(Readable.from(started.lines()), options);
  }
}

function placeOf(cursor: string): AuditPlace {
  const [occurredAt = '', id] = decodeCursor(cursor, 2);
  const eventId = Number(id);
  const isPlace = INSTANT.test(occurredAt) && !Number.isNaN(Date.parse(occurredAt)) && Number.isSafeInteger(eventId);
  if (!isPlace) throw new CursorInvalid();
  return { occurredAt, eventId };
}
