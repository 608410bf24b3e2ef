import { readSealState, type SealState } from '#audit';
import { type Database, type Instant, readSchemaStatus, type Scope, type Tx } from '#database';
import { release } from '#observability';
import { Messages, Pauses, type WaitingTenant } from '#queue';
import { PLATFORM } from '#tenancy';
import { LAST_MIGRATIONS, LIST_WORKERS, NOW } from './deployment-status.sql.js';
import { type QueueState, readQueues } from './queue-control.js';

/** A run, as of its worker's last heartbeat. */
export interface WorkersRun {
  tenant_id: string;
  job_id: string;
  run_id: string;
  attempt: number;
  started_at: Instant;
}

export interface WorkerState {
  worker_id: string;
  build: string;
  slots: number;
  busy_slots: number;
  started_at: Instant;
  seen_at: Instant;
  heartbeat_age_seconds: number;
  /** False: not seen for as long as a lease lasts. */
  is_alive: boolean;
  /** The oldest 100; `busy_slots` counts all. */
  runs: WorkersRun[];
}

/** A batch that lifted legacy files, or wrote them back. */
export interface LastMigration {
  batch_id: string;
  kind: string;
  started_by: string;
  started_at: Instant;
  seen_at: Instant;
  /** Null: under way, or broken off. */
  ended_at: Instant | null;
  counts: Readonly<Record<string, unknown>>;
}

/** What a deployment does now, at a glance. */
export interface StatusReport {
  at: Instant;
  /** Of whoever answers. */
  release: string;
  schema: {
    /** The last schema migration that was applied. */
    version: string | null;
    pending: string[];
    changed: string[];
    /** Of a newer release. */
    unknown: string[];
  };
  queues: QueueState[];
  workers: WorkerState[];
  /** Those with the oldest waiting job first. */
  waiting_tenants: WaitingTenant[];
  migrations: LastMigration[];
  seals: SealState;
}

export interface StatusLimits {
  tenants: number;
}

const DEFAULT_LIMITS: StatusLimits = { tenants: 10 };
const MAX_WORKERS = 500;
const MAX_MIGRATIONS = 5;

/** Reads the state of the whole deployment: every statement is bounded, and none reads the tables of jobs. */
export class DeploymentStatus {
  private readonly messages = new Messages();
  private readonly pauses = new Pauses();

  constructor(
    private readonly database: Database,
    /** A worker that was not seen for so long is taken for dead, as the sweep takes its runs. */
    private readonly leaseMs: number,
  ) {}

  async read(scope: Scope, { tenants }: StatusLimits = DEFAULT_LIMITS): Promise<StatusReport> {
    const { applied, pending, changed, unknown } = await readSchemaStatus(this.database, scope);
    return this.database.transaction({ ...scope, tenantId: PLATFORM }, async (tx) => {
      const [now] = await tx.query<{ at: Instant }>(NOW);
      if (!now) throw new Error('SELECT without FROM gave no row');
      return {
        at: now.at,
        release: release(),
        schema: { version: [...applied, ...unknown].sort().at(-1) ?? null, pending, changed, unknown },
        queues: await readQueues(tx, this.messages, this.pauses),
        workers: await this.listWorkers(tx),
        waiting_tenants: await this.messages.oldestByTenant(tx, 'job.run', tenants),
        migrations: await tx.query<LastMigration & Record<string, unknown>>(LAST_MIGRATIONS, [
          MAX_MIGRATIONS,
        ]),
        seals: await readSealState(tx),
      };
    });
  }

  private async listWorkers(tx: Tx): Promise<WorkerState[]> {
    return tx.query<WorkerState & Record<string, unknown>>(LIST_WORKERS, [this.leaseMs, MAX_WORKERS]);
  }
}
