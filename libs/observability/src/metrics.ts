import { Counter, Gauge } from 'prom-client';

/**
 * Every metric of ours, in one place: what it counts, in which unit, by which labels. A label has few values, known
 * beforehand: never an id of a tenant or a job. Beside these, /metrics tells what Node tells of every process.
 */
export const metrics = {
  /** Always 1: its labels say what runs. */
  buildInfo: new Gauge({
    name: 'ss_build_info',
    help: 'Which release of which program this is; always 1.',
    labelNames: ['program', 'version'] as const,
  }),
  /** code: of the refusal. Which tenants they are, their own quotas tell. */
  quotaRefusals: new Counter({
    name: 'ss_quota_refusals_total',
    help: 'Requests, drafts and steps that were refused because their tenant was past its quota.',
    labelNames: ['code'] as const,
  }),
  /** kind: woken (a job had no message), dropped (a message had no job), given_up (a draft was tried too often). */
  queueRepairs: new Counter({
    name: 'ss_queue_repairs_total',
    help: 'Disagreements between jobs and messages that the reconciler mended.',
    labelNames: ['queue', 'kind'] as const,
  }),
  /** reason: lease_lost (somebody took the run), lease_expired (it could not be renewed in time). */
  leasesLost: new Counter({
    name: 'ss_worker_leases_lost_total',
    help: 'Runs that this worker had to end because its lease was gone.',
    labelNames: ['reason'] as const,
  }),
  /** kind: job, llm_call, idempotency_key (rows), file. */
  retentionRemoved: new Counter({
    name: 'ss_retention_removed_total',
    help: 'What was removed because its time was over, or because nothing owned it any more.',
    labelNames: ['kind'] as const,
  }),
  /** outcome: as in the ledger; provider: `main` or `fallback`. */
  llmCalls: new Counter({
    name: 'ss_llm_calls_total',
    help: 'Requests to language models, by what became of them.',
    labelNames: ['provider', 'outcome'] as const,
  }),
  llmBreaker: new Gauge({
    name: 'ss_llm_breaker_state',
    help: 'The circuit breaker of a language model: 0 closed, 1 half open, 2 open.',
    labelNames: ['provider'] as const,
  }),
  auditMonthsRetired: new Counter({
    name: 'ss_audit_months_retired_total',
    help: 'Months of the audit that this worker dropped.',
  }),
  auditRowsRetired: new Counter({
    name: 'ss_audit_rows_retired_total',
    help: 'Rows of the audit that went with those months.',
  }),
  /** As this worker saw it last; rises for ever where no month is dropped. */
  auditOldestMonth: new Gauge({
    name: 'ss_audit_oldest_month_seconds',
    help: 'How long ago the oldest month of the audit began that is still there.',
  }),
};
