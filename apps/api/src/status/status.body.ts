import type { LastMigration, StatusReport, WorkersRun, WorkerState } from '#jobs';
import { ApiProperty } from '@nestjs/swagger';
import { QueueBody } from '../queues/queue.body.js';

const instant = { type: String, format: 'date-time' } as const;
const names: { type: [StringConstructor] } = { type: [String] };

export class SchemaStateBody {
  @ApiProperty({ type: String, nullable: true, description: 'The last schema migration that was applied.' })
  version!: string | null;

  @ApiProperty({ ...names, description: 'Not applied yet; run `ssctl schema deploy`.' })
  pending!: string[];

  @ApiProperty({ ...names, description: 'Changed after they were applied.' })
  changed!: string[];

  @ApiProperty({ ...names, description: 'Of a newer release.' })
  unknown!: string[];
}

export class WorkersRunBody implements WorkersRun {
  @ApiProperty()
  tenant_id!: string;

  @ApiProperty()
  job_id!: string;

  @ApiProperty()
  run_id!: string;

  @ApiProperty()
  attempt!: number;

  @ApiProperty(instant)
  started_at!: string;
}

export class WorkerBody implements WorkerState {
  @ApiProperty({ description: 'A new id at each start.' })
  worker_id!: string;

  @ApiProperty()
  build!: string;

  @ApiProperty()
  slots!: number;

  @ApiProperty({ description: 'As of the last heartbeat, like `runs`.' })
  busy_slots!: number;

  @ApiProperty(instant)
  started_at!: string;

  @ApiProperty(instant)
  seen_at!: string;

  @ApiProperty()
  heartbeat_age_seconds!: number;

  @ApiProperty({ description: 'False: not seen for as long as a lease lasts; its runs go to others.' })
  is_alive!: boolean;

  @ApiProperty({ type: [WorkersRunBody], description: 'The oldest 100.' })
  runs!: WorkersRunBody[];
}

export class WaitingTenantBody {
  @ApiProperty()
  tenant_id!: string;

  @ApiProperty({ description: 'Jobs that wait to run, in line and parked.' })
  waiting!: number;

  @ApiProperty({ description: 'Those of them that wait until the tenant has fewer running; see its quota.' })
  parked!: number;

  @ApiProperty(instant)
  oldest_due_at!: string;

  @ApiProperty()
  oldest_age_seconds!: number;
}

export class LastMigrationBody implements LastMigration {
  @ApiProperty()
  batch_id!: string;

  @ApiProperty()
  kind!: string;

  @ApiProperty()
  started_by!: string;

  @ApiProperty(instant)
  started_at!: string;

  @ApiProperty(instant)
  seen_at!: string;

  @ApiProperty({ ...instant, nullable: true, description: 'Null: under way, or broken off.' })
  ended_at!: string | null;

  @ApiProperty({ type: Object, additionalProperties: true })
  counts!: Readonly<Record<string, unknown>>;
}

export class SealStateBody {
  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'The last segment; null: nothing is sealed yet.',
  })
  segment_no!: number | null;

  @ApiProperty({ ...instant, nullable: true })
  sealed_at!: string | null;

  @ApiProperty({ type: Number, nullable: true })
  age_seconds!: number | null;

  @ApiProperty({ description: 'At most so many rows: numbers that were given since.' })
  unsealed_rows!: number;
}

/** What the whole deployment does now. */
export class StatusBody implements StatusReport {
  @ApiProperty(instant)
  at!: string;

  @ApiProperty({ description: 'The release of the API that answers.' })
  release!: string;

  @ApiProperty({ type: SchemaStateBody })
  schema!: SchemaStateBody;

  @ApiProperty({ type: [QueueBody] })
  queues!: QueueBody[];

  @ApiProperty({
    type: [WorkerBody],
    description: 'Those that did not say goodbye and were seen within a day.',
  })
  workers!: WorkerBody[];

  @ApiProperty({
    type: [WaitingTenantBody],
    description: 'Ten; the one whose oldest job waits longest first.',
  })
  waiting_tenants!: WaitingTenantBody[];

  @ApiProperty({ type: [LastMigrationBody], description: 'Five, the last first.' })
  migrations!: LastMigrationBody[];

  @ApiProperty({ type: SealStateBody })
  seals!: SealStateBody;
}
