import type { Job } from '#jobs';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { BatchOptions } from './import/batch-options.js';
import { isItem, prepare, type PreparedJob, read } from './import/prepare.js';
import { walk } from './tree/walk.js';

/** How long a list may be behind the tree. */
const FRESH_MS = 30_000;
/** After so many files others get a turn: reading them is synchronous. */
const FILES_A_TURN = 20;

/** The jobs of a tree as lists show them, by tenant; read once for many pages. */
export class LegacyIndex {
  private readonly byTenant = new Map<string, { at: number; jobs: Promise<Job[]> }>();

  constructor(private readonly options: BatchOptions) {}

  async of(tenantId: string): Promise<readonly Job[]> {
    const known = this.byTenant.get(tenantId);
    if (known && performance.now() - known.at < FRESH_MS) return known.jobs;
    const jobs = this.readAll(tenantId);
    this.byTenant.set(tenantId, { at: performance.now(), jobs });
    jobs.catch(() => this.byTenant.delete(tenantId));
    return jobs;
  }

  private async readAll(tenantId: string): Promise<Job[]> {
    const jobs: Job[] = [];
    let files = 0;
    for await (const found of walk(this.options.root, [tenantId])) {
      if (++files % FILES_A_TURN === 0) await yieldToOthers();
      const file = found.fault ? null : read(found, this.options.root);
      const job = file && !isItem(file) ? prepare(file, this.options) : null;
      if (job && !isItem(job)) jobs.push(asListed(job));
    }
    return jobs;
  }
}

/** The row that the job would have. */
function asListed({ rows: { job } }: PreparedJob): Job {
  const { version, legacy: _, schema_version: __, ...columns } = job;
  return {
    ...columns,
    version: Number(JSON.stringify(version)),
    ...{
      priority: 0,
      labels: {},
      draft_task: null,
      lost_runs: 0,
      error: null,
      expires_at: null,
      erased_at: null,
      trace_parent: null,
      trace_state: null,
    },
  };
}
