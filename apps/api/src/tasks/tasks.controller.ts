import { JobTasks } from '#jobs';
import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, REPEATABLE } from '../http/documented.js';
import { TaskIdParam } from '../http/path-params.js';
import { ReasonRequest } from '../jobs/job.request.js';
import { TaskBody, toTaskBody } from './task.body.js';

const TASK_ID = ApiParam({ name: 'task_id', schema: { type: 'string', format: 'uuid' } });

@ApiTags('tasks')
@Documented()
@Controller('v1/tasks/:task_id')
export class TasksController {
  constructor(private readonly tasks: JobTasks) {}

  @Get()
  @Needs('jobs:read')
  @TASK_ID
  @ApiOperation({ summary: 'How far a task over many jobs is' })
  @ApiOkResponse({ type: TaskBody })
  async get(@Asks() asking: Asking, @TaskIdParam() taskId: string): Promise<TaskBody> {
    return toTaskBody(await this.tasks.get(asking.scope(), taskId));
  }

  @Post('cancel')
  @REPEATABLE
  @HttpCode(200)
  @Needs('jobs:write')
  @TASK_ID
  @ApiOperation({ summary: 'End a task; what it has done stays done' })
  @ApiOkResponse({ type: TaskBody })
  async cancel(
    @Asks() asking: Asking,
    @TaskIdParam() taskId: string,
    @Body() body: ReasonRequest,
  ): Promise<TaskBody> {
    return toTaskBody(await this.tasks.cancel(asking.because(body.reason), taskId));
  }
}
