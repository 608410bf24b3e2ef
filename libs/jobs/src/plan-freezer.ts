import type { ArtifactStore } from '#artifacts';
import type { Tx } from '#database';
import {
  canonicalJson,
  parsePlan,
  type Plan,
  PLAN_VERSION,
  planId,
  type PlanOptionFields,
  type Step,
} from '#plans';
import type { JobRef } from '#queue';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { FrozenPlans } from './frozen-plans.js';
import { JobArtifacts } from './job-artifacts.js';

/** A plan that is checked, hashed and written to the store, ready to be frozen into rows. */
export interface PreparedPlan {
  planId: string;
  plan: Plan;
  inputsFingerprint: string | null;
  bytes: number;
  sha256: string;
  storageName: string;
}

const MAX_PLAN_BYTES = 16 * 1024 * 1024;

/** Turns a draft's steps into the frozen plan: slow work first, rows in the caller's transaction after. */
export class PlanFreezer {
  private readonly plans = new FrozenPlans();
  private readonly artifacts = new JobArtifacts();

  constructor(
    private readonly store: ArtifactStore,
    private readonly commandProfiles: readonly string[],
  ) {}

  /** Checks a plan that a client sent. Throws `PLAN_INVALID` with every fault. */
  check(input: unknown): Plan {
    return parsePlan(input, { commandProfiles: this.commandProfiles });
  }

  /**
   * Checks the steps and writes `plan.json` under a name that nobody else has: only the file whose rows commit is ever
   * found, and whoever has prepared in vain discards a file of their own.
   */
  async prepare(
    ref: JobRef,
    { steps, plan_options }: { steps: readonly Step[]; plan_options: PlanOptionFields },
    inputsFingerprint: string | null,
    datasetKeys: readonly string[],
  ): Promise<PreparedPlan> {
    const plan = parsePlan(
      { plan_version: PLAN_VERSION, steps, ...plan_options },
      { commandProfiles: this.commandProfiles, datasetKeys },
    );
    const id = planId(plan, inputsFingerprint);
    const storageName = `plans/${id}-${randomUUID()}.json`;
    const document = Buffer.from(canonicalJson({ plan_id: id, inputs_fingerprint: inputsFingerprint, plan }));
    const written = await this.store.write({ ...ref, storageName }, Readable.from([document]), {
      maxBytes: MAX_PLAN_BYTES,
    });
    return { planId: id, plan, inputsFingerprint, storageName, ...written };
  }

  /** Forgets a plan that was not frozen after all. */
  async discard(ref: JobRef, { storageName }: PreparedPlan): Promise<void> {
    await this.store.remove({ ...ref, storageName });
  }

  /** Writes the rows of the frozen plan. */
  async freeze(
    tx: Tx,
    ref: JobRef,
    prepared: PreparedPlan,
    draftRevision: number,
    notes: string | null,
  ): Promise<void> {
    await this.plans.insert(tx, {
      tenant_id: ref.tenantId,
      job_id: ref.jobId,
      plan_id: prepared.planId,
      plan_version: prepared.plan.plan_version,
      document: prepared.plan,
      inputs_fingerprint: prepared.inputsFingerprint,
      draft_revision: draftRevision,
      notes,
    });
    const file = {
      rel_path: 'plan.json',
      kind: 'plan.json',
      content_type: 'application/json',
      bytes: prepared.bytes,
      sha256: prepared.sha256,
      storage_name: prepared.storageName,
      run_id: null,
      step_id: null,
    };
    await this.artifacts.keep(tx, ref, [file]);
  }
}
