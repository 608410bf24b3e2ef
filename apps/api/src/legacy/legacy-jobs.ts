import type { JobFilter, JobStretch, ListOptions } from '#jobs';
import type { ReadThrough } from '#migration';

/** Jobs that still are files of a legacy tree; without a tree there are none. */
export class LegacyJobs {
  constructor(private readonly tree: ReadThrough | null) {}

  /** Makes sure that the job has rows if the tree has it. */
  async ensure(tenantId: string, jobId: string): Promise<void> {
    await this.tree?.ensure(tenantId, jobId);
  }

  /** The stretch of rows with the files that belong between them. */
  async merge(
    tenantId: string,
    filter: JobFilter,
    options: ListOptions,
    stretch: JobStretch,
  ): Promise<JobStretch> {
    return this.tree ? this.tree.merge(tenantId, filter, options, stretch) : stretch;
  }
}
