import {
  JOB_ORDERS,
  type JobFilter,
  JobLists,
  type JobOrder,
  type JobSort,
  type Place,
  placeOf,
} from '#jobs';
import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { CursorInvalid, decodeCursor, encodeCursor } from '../http/cursor.js';
import { Documented } from '../http/documented.js';
import { LegacyJobs } from '../legacy/legacy-jobs.js';
import { JobPage, toJobBody, toSparseJob } from './job.body.js';
import { type JobSortName, ListJobsQuery, toJobFilter } from './list-jobs.query.js';

const DEFAULT_PAGE = 50;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$/;

@ApiTags('jobs')
@Documented()
@Controller('v1/jobs')
export class JobListController {
  constructor(
    private readonly lists: JobLists,
    private readonly legacy: LegacyJobs,
  ) {}

  @Get()
  @Needs('jobs:read')
  @ApiOperation({ summary: 'List jobs, newest first; a page may be short, or empty, and the list go on' })
  @ApiOkResponse({ type: JobPage })
  async list(@Asks() asking: Asking, @Query() query: ListJobsQuery): Promise<JobPage> {
    const { limit = DEFAULT_PAGE, sort: name = '-created_at', fields, cursor } = query;
    const sort = sortOf(name);
    const filter: JobFilter = toJobFilter(query);
    const after = cursor === undefined ? null : placeIn(cursor, name, sort.by);
    // One more than asked tells whether there is a next page.
    const options = { sort, limit: limit + 1, after };
    const scope = asking.scope();
    const rows = await this.lists.read(scope, filter, options);
    const { jobs, stoppedAt } = await this.legacy.merge(scope.tenantId, filter, options, rows);
    const items = jobs.slice(0, limit);
    const last = items.at(-1);
    const next = jobs.length > limit && last ? placeOf(last, sort) : stoppedAt;
    return {
      items: items.map(fields ? (job) => toSparseJob(toJobBody(job), fields) : toJobBody),
      next_cursor: next ? encodeCursor([name, ...next]) : null,
      ...(query.total === 'true' ? { total: await this.lists.total(scope, filter) } : {}),
    };
  }
}

function sortOf(name: JobSortName): JobSort {
  const descending = name.startsWith('-');
  // What is left of the name is an order: that is how the names are made.
  return { by: (descending ? name.slice(1) : name) as JobOrder, descending };
}

/** A cursor holds its order too: in another one its place would mean nothing. */
function placeIn(cursor: string, name: JobSortName, by: JobOrder): Place {
  const columns = JOB_ORDERS[by];
  const [order, ...place] = decodeCursor(cursor, columns.length + 1);
  const isPlace = columns.every((column, n) => FORMS[column](place[n] ?? ''));
  if (order !== name || !isPlace) throw new CursorInvalid();
  return place;
}

const isInstant = (text: string): boolean => INSTANT.test(text) && !Number.isNaN(Date.parse(text));

/** What may stand in a cursor for each column. */
const FORMS: Readonly<Record<(typeof JOB_ORDERS)[JobOrder][number], (text: string) => boolean>> = {
  created_at: isInstant,
  updated_at: isInstant,
  priority: (text) => /^-?\d{1,7}$/.test(text),
  job_id: (text) => text !== '',
};
