import { record } from '#audit';
import { type Database, plain, type TenantScope } from '#database';
import { type Draft, Drafts } from './drafts.js';
import { getJob, getJobWithData } from './explain-refusal.js';
import { type FrozenPlan, FrozenPlans } from './frozen-plans.js';
import type { Job } from './job.js';
import { type Artifact, JobArtifacts } from './job-artifacts.js';
import { DraftRevisionNotFound, PlanMissing, RunNotFound } from './refusals.js';
import type { RunRecord } from './run.js';

/** What clients read of a job: runs, plans, artifacts. Nothing here changes anything. */
export class JobReads {
  private readonly plans = new FrozenPlans();
  private readonly artifacts = new JobArtifacts();
  private readonly drafts = new Drafts();

  constructor(private readonly database: Database) {}

  /** The frozen plan. Throws `PLAN_MISSING` before confirm. */
  async plan(scope: TenantScope, jobId: string): Promise<FrozenPlan> {
    const ref = { tenantId: scope.tenantId, jobId };
    return this.database.transaction(scope, async (tx) => {
      await getJobWithData(tx, ref);
      const plan = await this.plans.find(tx, ref);
      if (!plan) throw new PlanMissing(jobId);
      return plan;
    });
  }

  /** Every draft that the job ever had, the latest first. */
  async listDrafts(scope: TenantScope, jobId: string): Promise<{ job: Job; drafts: Draft[] }> {
    const ref = { tenantId: scope.tenantId, jobId };
    return this.database.transaction(scope, async (tx) => {
      return { job: await getJob(tx, ref), drafts: await this.drafts.list(tx, ref) };
    });
  }

  async getDraft(scope: TenantScope, jobId: string, revision: number): Promise<{ job: Job; draft: Draft }> {
    const ref = { tenantId: scope.tenantId, jobId };
    return this.database.transaction(scope, async (tx) => {
      const job = await getJobWithData(tx, ref);
      const draft = await this.drafts.findRevision(tx, ref, revision);
      if (!draft) throw new DraftRevisionNotFound(jobId, revision);
      return { job, draft };
    });
  }

  async listArtifacts(scope: TenantScope, jobId: string): Promise<Artifact[]> {
    const ref = { tenantId: scope.tenantId, jobId };
    return this.database.transaction(scope, async (tx) => {
      await getJob(tx, ref);
      return this.artifacts.list(tx, ref);
    });
  }

  async findArtifact(scope: TenantScope, jobId: string, relPath: string): Promise<Artifact | null> {
    const ref = { tenantId: scope.tenantId, jobId };
    return this.database.transaction(scope, async (tx) => {
      await getJobWithData(tx, ref);
      return this.artifacts.find(tx, ref, relPath);
    });
  }

  /** The same for whoever is about to take its bytes: that they did is on the audit before the first byte is. */
  async takeArtifact(scope: TenantScope, jobId: string, relPath: string): Promise<Artifact | null> {
    const ref = { tenantId: scope.tenantId, jobId };
    return this.database.transaction(scope, async (tx) => {
      await getJobWithData(tx, ref);
      const artifact = await this.artifacts.find(tx, ref, relPath);
      if (artifact && artifact.bytes !== null) {
        await record(tx, {
          action: 'artifact.downloaded',
          resourceType: 'artifact',
          resourceId: `${jobId}/${relPath}`,
          metadata: { job_id: jobId, kind: artifact.kind, bytes: artifact.bytes, sha256: artifact.sha256 },
        });
      }
      return artifact;
    });
  }

  /** All artifacts that have bytes, for whoever is about to take them: on the audit as one act. */
  async takeArtifacts(scope: TenantScope, jobId: string): Promise<Artifact[]> {
    const ref = { tenantId: scope.tenantId, jobId };
    return this.database.transaction(scope, async (tx) => {
      await getJobWithData(tx, ref);
      const artifacts = (await this.artifacts.list(tx, ref)).filter(({ bytes }) => bytes !== null);
      const bytes = artifacts.reduce((sum, artifact) => sum + (artifact.bytes ?? 0), 0);
      const metadata = { job_id: jobId, files: artifacts.length, bytes };
      await record(tx, {
        action: 'artifacts.downloaded',
        resourceType: 'artifacts',
        resourceId: jobId,
        metadata,
      });
      return artifacts;
    });
  }

  /** All runs of the job with their steps, the first one first. */
  async listRuns(scope: TenantScope, jobId: string): Promise<RunRecord[]> {
    await this.database.transaction(scope, (tx) => getJob(tx, { tenantId: scope.tenantId, jobId }));
    return this.readRuns(scope, { job_id: jobId });
  }

  async getRun(scope: TenantScope, jobId: string, runId: string): Promise<RunRecord> {
    await this.database.transaction(scope, (tx) => getJob(tx, { tenantId: scope.tenantId, jobId }));
    const [run] = await this.readRuns(scope, { job_id: jobId, run_id: runId });
    if (!run) throw new RunNotFound(runId);
    return run;
  }

  private async readRuns(
    scope: TenantScope,
    where: { job_id: string; run_id?: string },
  ): Promise<RunRecord[]> {
    const rows = await this.database.withPrisma(scope, (db) =>
      db.run.findMany({
        where: { tenant_id: scope.tenantId, ...where },
        orderBy: { lease_no: 'asc' },
        select: {
          run_id: true,
          attempt: true,
          lease_no: true,
          worker_id: true,
          worker_build: true,
          outcome: true,
          started_at: true,
          ended_at: true,
          error: true,
          steps: {
            orderBy: { position: 'asc' },
            select: {
              step_id: true,
              position: true,
              type: true,
              outcome: true,
              started_at: true,
              ended_at: true,
              error: true,
              summary: true,
              resumed_from: true,
            },
          },
        },
      }),
    );
    // The constraints of both tables say which outcomes there are, and only JobRuns writes error and summary.
    return plain(rows).map((run) => ({
      ...run,
      status: run.outcome ?? 'running',
      steps: run.steps.map((step) => ({ ...step, status: step.outcome ?? 'running' })),
    })) as RunRecord[];
  }
}
