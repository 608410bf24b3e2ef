import {
  JOB_STATUSES,
  type JobExplanation,
  type JobStatus,
  type Reason,
  REASON_CODES,
  type ReasonCode,
} from '#jobs';
import { ApiProperty } from '@nestjs/swagger';

const CODES = Object.keys(REASON_CODES) as ReasonCode[]; // the keys of the table itself
const MEANINGS = Object.entries(REASON_CODES).map(([code, means]) => `${code}: ${means}`);

export class ReasonBody implements Reason {
  @ApiProperty({ enum: CODES, description: MEANINGS.join('\n') })
  code!: ReasonCode;

  @ApiProperty({ description: 'The same in a sentence for people.' })
  detail!: string;

  /** The facts behind it, by code, such as `until`, `ahead`, `missing`. */
  [fact: string]: unknown;
}

/** Why a job is not running. */
export class ExplanationBody implements JobExplanation {
  @ApiProperty()
  job_id!: string;

  @ApiProperty({ enum: JOB_STATUSES })
  status!: JobStatus;

  @ApiProperty({ description: 'True: it runs as soon as it is its turn and a slot is free.' })
  runnable!: boolean;

  @ApiProperty({ type: [ReasonBody] })
  reasons!: ReasonBody[];
}
