import type { RunningPolicy } from '../rows/to-rows.js';

/** What becomes of the files that jobs list: copied, hard-linked, or left where they are. */
export type ArtifactPolicy = 'copy' | 'link' | 'skip';

export interface BatchOptions {
  root: string;
  /** The legacy queue; null: its records are not looked at. */
  queue: string | null;
  /** Null: all. */
  tenants: readonly string[] | null;
  /** Take only what the legacy reader takes. */
  strict: boolean;
  running: RunningPolicy;
  artifacts: ArtifactPolicy;
  /** So many chunks are on their way at a time. */
  concurrency: number;
  dryRun: boolean;
}
