import type { ArtifactStore, JobPlace, Removed } from '#artifacts';
import type { Database, Scope } from '#database';
import type { JobRef } from '#queue';
import { setTimeout as sleep } from 'node:timers/promises';
import { FIND_OWNERS } from './job-retention.sql.js';
import { columnsOf } from './ref-columns.js';

/** Jobs that are looked up in one transaction. */
const PAGE = 500;

/**
 * Files of jobs that have no row any more, or whose data were erased: what a crash left between the commit and the
 * removal of the files, what a worker wrote that was cut off, what was written for a job whose row never came.
 */
export class OwnerlessFiles {
  constructor(
    private readonly database: Database,
    private readonly store: ArtifactStore,
    private readonly scope: Scope,
    private readonly limits: { pauseMs: number; spareMs: number },
  ) {}

  /** Of how many jobs there may be such files. */
  async count(): Promise<number> {
    let count = 0;
    for await (const page of this.pages()) count += page.length;
    return count;
  }

  /** Removes them, but none that were touched lately: the row of their job may be about to come. */
  async remove(signal?: AbortSignal): Promise<Removed> {
    const removed = { files: 0, bytes: 0 };
    for await (const page of this.pages()) {
      for (const job of page) {
        if (signal?.aborted) return removed;
        const before = new Date(Date.now() - this.limits.spareMs);
        const { files, bytes } = await this.store.removeAll(job, before);
        removed.files += files;
        removed.bytes += bytes;
      }
    }
    return removed;
  }

  private async *pages(): AsyncGenerator<JobPlace[]> {
    let page: JobPlace[] = [];
    for await (const job of this.store.jobs()) {
      page.push(job);
      if (page.length < PAGE) continue;
      yield await this.ownerless(page);
      await sleep(this.limits.pauseMs);
      page = [];
    }
    if (page.length > 0) yield await this.ownerless(page);
  }

  private async ownerless(page: readonly JobPlace[]): Promise<JobPlace[]> {
    const owners = await this.database.acrossTenants(this.scope, (tx) =>
      tx.query<JobRef & { erased: boolean }>(FIND_OWNERS, columnsOf(page)),
    );
    const owned = new Set(owners.filter(({ erased }) => !erased).map(keyOf));
    return page.filter((job) => !owned.has(keyOf(job)));
  }
}

/** No id holds a NUL. */
function keyOf({ tenantId, jobId }: JobRef): string {
  return `${tenantId}\0${jobId}`;
}
