import type { Instant, Tx } from '#database';
import type { JobRef } from '#queue';
import type { DraftAssumption, DraftQuestion, DraftWarning } from '#drafting';
import { canonicalJson, type PlanOptionFields, type Step } from '#plans';
import { createHash } from 'node:crypto';

/** A proposed plan with its questions and assumptions, as its row has it. */
export interface Draft {
  tenant_id: string;
  job_id: string;
  revision: number;
  /**
   * Who wrote it: the rules, a language model, the rules because the model could not be used, or the client that sent
   * its own plan.
   */
  source: 'rules' | 'model' | 'rule_fallback' | 'client';
  text: string;
  steps: Step[];
  questions: DraftQuestion[];
  assumptions: DraftAssumption[];
  warnings: DraftWarning[];
  answers: Record<string, unknown>;
  notes: string | null;
  /** What the client's own plan says of the plan as a whole. */
  plan_options: PlanOptionFields;
  inputs_fingerprint: string | null;
  created_at: Instant;
  updated_at: Instant;
}

export type NewDraft = Omit<
  Draft,
  'tenant_id' | 'job_id' | 'created_at' | 'updated_at' | 'answers' | 'notes' | 'plan_options'
> & { plan_options?: PlanOptionFields };
export type DraftEdit = Partial<Pick<Draft, 'text' | 'steps' | 'answers' | 'notes'>>;

const INSERT_DRAFT = `
  INSERT INTO draft (
    tenant_id, job_id, revision, source, text, steps, questions, assumptions, warnings, inputs_fingerprint,
    plan_options
  )
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
  RETURNING *`;

const FIND_LATEST = 'SELECT * FROM draft WHERE tenant_id = $1 AND job_id = $2 ORDER BY revision DESC LIMIT 1';
const FIND_REVISION = 'SELECT * FROM draft WHERE tenant_id = $1 AND job_id = $2 AND revision = $3';
const LIST_DRAFTS = 'SELECT * FROM draft WHERE tenant_id = $1 AND job_id = $2 ORDER BY revision DESC';

/** What the edit does not name stays; answers are merged key by key. */
const EDIT_DRAFT = `
  UPDATE draft
  SET text = coalesce($4, text), steps = coalesce($5::jsonb, steps), answers = answers || coalesce($6::jsonb, '{}'),
    notes = coalesce($7, notes), updated_at = clock_timestamp()
  WHERE tenant_id = $1 AND job_id = $2 AND revision = $3
  RETURNING *`;

/** The rows of `draft`. Earlier revisions stay readable; the latest counts. */
export class Drafts {
  async insert(tx: Tx, ref: JobRef, draft: NewDraft): Promise<Draft> {
    const [row] = await tx.query<Draft>(INSERT_DRAFT, [
      ref.tenantId,
      ref.jobId,
      draft.revision,
      draft.source,
      draft.text,
      JSON.stringify(draft.steps),
      JSON.stringify(draft.questions),
      JSON.stringify(draft.assumptions),
      JSON.stringify(draft.warnings),
      draft.inputs_fingerprint,
      JSON.stringify(draft.plan_options ?? {}),
    ]);
    if (!row) throw new Error('INSERT … RETURNING gave no row');
    return row;
  }

  async findLatest(tx: Tx, ref: JobRef): Promise<Draft | null> {
    const [row] = await tx.query<Draft>(FIND_LATEST, [ref.tenantId, ref.jobId]);
    return row ?? null;
  }

  async findRevision(tx: Tx, ref: JobRef, revision: number): Promise<Draft | null> {
    const [row] = await tx.query<Draft>(FIND_REVISION, [ref.tenantId, ref.jobId, revision]);
    return row ?? null;
  }

  /** Every revision, the latest first. */
  async list(tx: Tx, ref: JobRef): Promise<Draft[]> {
    return tx.query<Draft>(LIST_DRAFTS, [ref.tenantId, ref.jobId]);
  }

  async edit(tx: Tx, ref: JobRef, revision: number, edit: DraftEdit): Promise<Draft> {
    const [row] = await tx.query<Draft>(EDIT_DRAFT, [
      ref.tenantId,
      ref.jobId,
      revision,
      edit.text ?? null,
      edit.steps ? JSON.stringify(edit.steps) : null,
      edit.answers ? JSON.stringify(edit.answers) : null,
      edit.notes ?? null,
    ]);
    if (!row) throw new Error(`draft revision ${String(revision)} is gone`);
    return row;
  }
}

/** A hash of all that a person saw and wrote before confirming; the audit of a confirm carries it. */
export function draftSha256(draft: Draft): string {
  const { revision, source, text, steps, questions, assumptions, warnings, answers, notes } = draft;
  const seen = { revision, source, text, steps, questions, assumptions, warnings, answers, notes };
  return createHash('sha256').update(canonicalJson(seen)).digest('hex');
}
