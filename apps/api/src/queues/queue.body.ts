import type { QueueState } from '#jobs';
import { QUEUES } from '#queue';
import { ApiProperty } from '@nestjs/swagger';

const instant = { type: String, format: 'date-time', nullable: true } as const;
const NAMES = Object.keys(QUEUES);

export class PauseBody {
  @ApiProperty({ format: 'date-time' })
  since!: string;

  @ApiProperty({ example: 'api_key:key_0123456789abcdef' })
  by!: string;

  @ApiProperty()
  reason!: string;
}

/** A queue, and how full it is. */
export class QueueBody implements QueueState {
  @ApiProperty({ enum: NAMES })
  name!: QueueState['name'];

  @ApiProperty({ description: 'Messages that a worker could take now.' })
  waiting!: number;

  @ApiProperty({
    description: 'Messages that wait until their tenant has fewer jobs running; see its quota.',
  })
  parked!: number;

  @ApiProperty({ description: 'Messages whose time has not come.' })
  delayed!: number;

  @ApiProperty({
    description: 'Messages that a worker holds. A run is not among them: its message is gone with its claim.',
  })
  active!: number;

  @ApiProperty({ description: 'Messages that were given up; `ssctl queue dead` lists them.' })
  dead!: number;

  @ApiProperty({ ...instant, description: 'Since when the oldest of `waiting` waits.' })
  oldest_due_at!: string | null;

  @ApiProperty({ type: Number, nullable: true })
  oldest_age_seconds!: number | null;

  @ApiProperty({ type: PauseBody, nullable: true, description: 'Set: nothing is taken from it.' })
  paused!: PauseBody | null;
}

export class QueueList {
  @ApiProperty({ type: [QueueBody] })
  items!: QueueBody[];

  @ApiProperty({ type: String, nullable: true, description: 'Null: these are all.' })
  next_cursor!: null;
}
