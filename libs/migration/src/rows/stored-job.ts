import type { Instant } from '#database';
import type { Json, JsonObject } from '../format/json.js';
import type { JobRow, RunRow } from './job-rows.js';

/** The rows of a job as they stand now, whether it was lifted or born here. */
export interface StoredJob {
  job: Omit<JobRow, 'legacy'> & { legacy: JsonObject | null };
  runs: StoredRun[];
  /** The latest revision. */
  draft: StoredDraft | null;
  plan: { legacy: JsonObject | null } | null;
  artifacts: { rel_path: string; kind: string; legacy: Json[] | null }[];
}

export type StoredRun = Omit<RunRow, 'legacy'> & { legacy: JsonObject | null };

export interface StoredDraft {
  text: string;
  created_at: Instant;
  has_steps: boolean;
  legacy: JsonObject | null;
}
