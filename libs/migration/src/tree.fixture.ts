import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A legacy tree of a test's own, with documents of its own. */
export class TestTree {
  private constructor(readonly root: string) {}

  static async make(): Promise<TestTree> {
    return new TestTree(await realpath(await mkdtemp(join(tmpdir(), 'ss-legacy-'))));
  }

  /** Writes a file: an object as JSON, anything else as it is. */
  async put(path: string, content: unknown): Promise<string> {
    const file = join(this.root, path);
    await mkdir(dirname(file), { recursive: true });
    const bytes = typeof content === 'string' || content instanceof Uint8Array;
    await writeFile(file, bytes ? content : JSON.stringify(content));
    return file;
  }

  /** Writes a job where the legacy service would have. */
  async putJob(jobId: string, given: Record<string, unknown> = {}): Promise<string> {
    const shard = jobId.replace(/^job_/, '').slice(0, 2);
    return this.put(`${shard}/${jobId}/job.json`, aDocument(jobId, given));
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

/** The least that a document of version 3 holds, and what the test says. */
export function aDocument(jobId: string, given: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    schema_version: 3,
    job_id: jobId,
    version: 1,
    tenant_id: 'default',
    trace_id: 'ab'.repeat(16),
    created_at: '2026-01-20T08:00:00.250000+00:00',
    ...given,
  };
}

export const A_RUN = {
  run_id: '4'.repeat(32),
  attempt: 1,
  status: 'succeeded',
  started_at: '2026-01-20T08:06:00+00:00',
  ended_at: '2026-01-20T08:07:00.000001+00:00',
};

export const A_PLAN = {
  plan_id: 'e'.repeat(64),
  plan_version: 1,
  rel_path: 'artifacts/plan.json',
  steps: [
    { step_id: 'generate_do', type: 'generate_stata_do', params: { template_id: 'T01', tolerance: 1 } },
    {
      step_id: 'run_stata',
      type: 'run_stata',
      params: { timeout_seconds: 300 },
      depends_on: ['generate_do'],
    },
  ],
};
