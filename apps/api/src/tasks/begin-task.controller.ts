import { type JobFilter, JobTasks, type TaskMove } from '#jobs';
import { Body, Controller, HttpStatus, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, REPEATABLE } from '../http/documented.js';
import { RequestInvalid } from '../http/request-invalid.js';
import { toJobFilter } from '../jobs/list-jobs.query.js';
import { BeginTaskRequest, TaskBody, TaskPreviewBody, toTaskBody } from './task.body.js';

const LOCATION = { Location: { schema: { type: 'string' } } } as const;

@ApiTags('tasks')
@Documented()
@Controller('v1/jobs')
export class BeginTaskController {
  constructor(private readonly tasks: JobTasks) {}

  @Post('cancel')
  @REPEATABLE
  @Needs('jobs:write')
  @ApiOperation({ summary: 'End all jobs that fit a filter, as a task' })
  @ApiOkResponse({ type: TaskPreviewBody, description: 'With dry_run.' })
  @ApiAcceptedResponse({ type: TaskBody, headers: LOCATION })
  async cancel(
    @Asks() asking: Asking,
    @Body() body: BeginTaskRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TaskBody | TaskPreviewBody> {
    return this.begin(asking, 'cancel', body, reply);
  }

  @Post('retry')
  @REPEATABLE
  @Needs('jobs:confirm')
  @ApiOperation({ summary: 'Queue all failed jobs that fit a filter once more, as a task' })
  @ApiOkResponse({ type: TaskPreviewBody, description: 'With dry_run.' })
  @ApiAcceptedResponse({ type: TaskBody, headers: LOCATION })
  async retry(
    @Asks() asking: Asking,
    @Body() body: BeginTaskRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TaskBody | TaskPreviewBody> {
    return this.begin(asking, 'retry', body, reply);
  }

  private async begin(
    asking: Asking,
    move: TaskMove,
    body: BeginTaskRequest,
    reply: FastifyReply,
  ): Promise<TaskBody | TaskPreviewBody> {
    if (body.dry_run) {
      const filter = filterOf(body);
      void reply.status(HttpStatus.OK);
      return { dry_run: true, move, ...(await this.tasks.preview(asking.scope(), move, filter)) };
    }
    const scope = asking.because(body.reason);
    const task = await this.tasks.begin(scope, move, filterOf(body));
    void reply.status(HttpStatus.ACCEPTED).header('Location', `/v1/tasks/${task.task_id}`);
    return toTaskBody(task);
  }
}

/** Nobody means all jobs by saying nothing. */
function filterOf({ filter }: BeginTaskRequest): JobFilter {
  const conditions = filter ? toJobFilter(filter) : {};
  if (Object.values(conditions).every((condition) => condition === undefined)) {
    throw new RequestInvalid([{ pointer: '/filter', detail: 'must name at least one condition' }]);
  }
  return conditions;
}
