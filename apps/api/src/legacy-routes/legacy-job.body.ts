import { type Artifact, type Draft, type Job, type JobStatus, type RunRecord } from '#jobs';
import { ApiProperty } from '@nestjs/swagger';

/** The statuses that clients of the legacy service know. */
export const LEGACY_STATUSES = [
  'created',
  'draft_ready',
  'confirmed',
  'queued',
  'running',
  'succeeded',
  'failed',
] as const;
export type LegacyStatus = (typeof LEGACY_STATUSES)[number];

const LEGACY_RUN_STATUSES = ['running', 'succeeded', 'failed'] as const;

const text = { type: String, nullable: true } as const;
const instant = { type: String, format: 'date-time', nullable: true } as const;

export class LegacyCreatedBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty(text)
  trace_id!: string | null;

  @ApiProperty({ enum: LEGACY_STATUSES })
  status!: LegacyStatus;
}

export class LegacyTimestamps {
  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty(instant)
  scheduled_at!: string | null;
}

export class LegacyDraftSummary {
  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty()
  text_chars!: number;
}

export class LegacyArtifactsSummary {
  @ApiProperty()
  total!: number;

  @ApiProperty({ type: 'object', additionalProperties: { type: 'number' } })
  by_kind!: Record<string, number>;
}

export class LegacyRunSummary {
  @ApiProperty()
  run_id!: string;

  @ApiProperty()
  attempt!: number;

  @ApiProperty({ enum: LEGACY_RUN_STATUSES })
  status!: (typeof LEGACY_RUN_STATUSES)[number];

  @ApiProperty(instant)
  started_at!: string | null;

  @ApiProperty(instant)
  ended_at!: string | null;

  @ApiProperty()
  artifacts_count!: number;
}

export class LegacyJobBody extends LegacyCreatedBody {
  @ApiProperty({ ...text, description: 'There are no templates any more: null.' })
  selected_template_id!: string | null;

  @ApiProperty()
  timestamps!: LegacyTimestamps;

  @ApiProperty({ type: LegacyDraftSummary, nullable: true })
  draft!: LegacyDraftSummary | null;

  @ApiProperty()
  artifacts!: LegacyArtifactsSummary;

  @ApiProperty({ type: LegacyRunSummary, nullable: true })
  latest_run!: LegacyRunSummary | null;
}

export class LegacyMovedBody {
  @ApiProperty()
  job_id!: string;

  @ApiProperty({ enum: LEGACY_STATUSES })
  status!: LegacyStatus;

  @ApiProperty(instant)
  scheduled_at!: string | null;
}

export class LegacyConfirmedBody extends LegacyMovedBody {
  @ApiProperty({ enum: ['confirmed', 'skipped'] })
  message!: 'confirmed' | 'skipped';
}

/** A cancelled job is a failed one to whoever knows no cancelling. */
export function toLegacyStatus(status: JobStatus): LegacyStatus {
  return status === 'cancelled' ? 'failed' : status;
}

export function toCreatedBody({ job_id, trace_id, status }: Job): LegacyCreatedBody {
  return { job_id, trace_id, status: toLegacyStatus(status) };
}

export function toMovedBody({ job_id, status, scheduled_at }: Job): LegacyMovedBody {
  return { job_id, status: toLegacyStatus(status), scheduled_at };
}

export function toLegacyJobBody(
  job: Job,
  draft: Draft | null,
  artifacts: readonly Artifact[],
  run: RunRecord | null,
): LegacyJobBody {
  return {
    ...toCreatedBody(job),
    selected_template_id: null,
    timestamps: { created_at: job.created_at, scheduled_at: job.scheduled_at },
    // In characters, as Python counts them.
    draft: draft && { created_at: draft.created_at, text_chars: Array.from(draft.text).length },
    artifacts: { total: artifacts.length, by_kind: countKinds(artifacts) },
    latest_run: run && {
      run_id: run.run_id,
      attempt: run.attempt,
      status: run.status === 'running' || run.status === 'succeeded' ? run.status : 'failed',
      started_at: run.started_at,
      ended_at: run.ended_at,
      artifacts_count: artifacts.filter(({ run_id }) => run_id === run.run_id).length,
    },
  };
}

function countKinds(artifacts: readonly Artifact[]): Record<string, number> {
  const kinds = new Map<string, number>();
  for (const { kind } of artifacts) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return Object.fromEntries(kinds);
}
