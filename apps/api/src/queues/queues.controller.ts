import { QueueControl } from '#jobs';
import { QUEUES } from '#queue';
import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, REPEATABLE } from '../http/documented.js';
import { ReasonRequest } from '../jobs/job.request.js';
import { QueueBody, QueueList } from './queue.body.js';

const NAME: MethodDecorator = ApiParam({ name: 'name', enum: Object.keys(QUEUES) });

/** The queues of the whole deployment: for keys of the platform alone. */
@ApiTags('queues')
@Documented()
@Needs('platform:admin')
@Controller('v1/queues')
export class QueuesController {
  constructor(private readonly queues: QueueControl) {}

  @Get()
  @ApiOperation({ summary: 'How full each queue is, and whether it is paused' })
  @ApiOkResponse({ type: QueueList })
  async list(@Asks() asking: Asking): Promise<QueueList> {
    return { items: await this.queues.list(asking.scope()), next_cursor: null };
  }

  @Post(':name/pause')
  @REPEATABLE
  @HttpCode(200)
  @NAME
  @ApiOperation({ summary: 'Let no worker take anything from the queue; what runs goes on' })
  @ApiOkResponse({ type: QueueBody })
  async pause(
    @Asks() asking: Asking,
    @Param('name') name: string,
    @Body() { reason }: ReasonRequest,
  ): Promise<QueueBody> {
    return this.queues.pause(asking.because(reason), name);
  }

  @Post(':name/resume')
  @REPEATABLE
  @HttpCode(200)
  @NAME
  @ApiOperation({ summary: 'Let workers take from the queue again, at once' })
  @ApiOkResponse({ type: QueueBody })
  async resume(
    @Asks() asking: Asking,
    @Param('name') name: string,
    @Body() { reason }: ReasonRequest,
  ): Promise<QueueBody> {
    return this.queues.resume(asking.because(reason), name);
  }
}
