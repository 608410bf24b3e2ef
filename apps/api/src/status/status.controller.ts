import { DeploymentStatus } from '#jobs';
import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented } from '../http/documented.js';
import { StatusBody } from './status.body.js';

/** What the whole deployment does: for keys of the platform alone. */
@ApiTags('status')
@Documented()
@Needs('platform:admin')
@Controller('v1/status')
export class StatusController {
  constructor(private readonly status: DeploymentStatus) {}

  @Get()
  @ApiOperation({
    summary: 'Queues, workers and what they run, who waits, migrations and seals, at a glance',
  })
  @ApiOkResponse({ type: StatusBody })
  async read(@Asks() asking: Asking): Promise<StatusBody> {
    return this.status.read(asking.scope());
  }
}
