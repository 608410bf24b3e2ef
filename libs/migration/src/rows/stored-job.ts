import type { Instant } from '#database';
import type { Json, JsonObject } from '../format/json.js';
import type { ArtifactRow, DraftRow, JobRow, PlanRow, RunRow } from './job-rows.js';

/** A row that may be of a job that was born here, and then holds nothing of a file. */
type Stored<Row, Legacy = JsonObject> = Omit<Row, 'legacy'> & { legacy: Legacy | null };

/** The rows of a job as they stand now, whether it was lifted or born here. */
export interface StoredJob {
  job: Stored<JobRow>;
  runs: StoredRun[];
  /** The latest revision. */
  draft: StoredDraft | null;
  plan: Stored<PlanRow> | null;
  artifacts: Stored<ArtifactRow, Json[]>[];
}

export type StoredRun = Stored<RunRow>;
export type StoredDraft = Stored<DraftRow> & { has_steps: boolean; created_at: Instant };
