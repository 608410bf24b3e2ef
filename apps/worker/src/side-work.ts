import type { ArtifactStore } from '#artifacts';
import { AuditArchives, AuditRetention, type CheckpointSigner } from '#audit';
import type { Configuration } from '#configuration';
import type { Database, Scope } from '#database';
import { Election, JobRetention, ParkedJobs, QueueReconciler, TaskRounds, type WorkerIdentity } from '#jobs';
import type { CallLedger } from '#llm';
import type { Logger } from '#observability';
import type { Queue } from '#queue';
import { AuditKeeper } from './audit-keeper.js';
import { JobKeeper } from './job-keeper.js';
import { ledgerSweeper } from './ledger-sweeper.js';
import { lettingInParked } from './letting-in-parked.js';
import { Reconciler } from './reconciler.js';
import { SystemTeller } from './system-teller.js';
import { TaskWorker } from './task-worker.js';
import { turnGiver } from './turn-giver.js';

const SECOND = 1_000;

export interface SideWorkParts {
  configuration: Configuration<'worker'>;
  database: Database;
  scope: Scope;
  identity: WorkerIdentity;
  queue: Queue;
  store: ArtifactStore;
  signer: CheckpointSigner;
  ledger: CallLedger;
  logger: Logger;
}

/** What a worker does now and then beside its jobs. Each goes on by itself, and no failure of one ends it or another. */
export interface SideWork {
  start: () => void;
  /** Resolves when what is under way has ended, or has been given up. */
  stop: () => Promise<void>;
}

export function sideWork(parts: SideWorkParts): SideWork {
  const { configuration, database, scope, queue, store, ledger, logger } = parts;
  const { queueReconcileSeconds, jobRetentionDays, jobRetentionSweepSeconds } = configuration;
  const jobs = new JobRetention(database, store, scope, jobRetentionDays === 0 ? null : jobRetentionDays);
  const all: readonly { start: () => void; stop: () => Promise<void> }[] = [
    ledgerSweeper(ledger, logger),
    turnGiver(queue, logger),
    lettingInParked(new ParkedJobs(database, scope), logger),
    new Reconciler(
      new QueueReconciler(database, queue, scope),
      { everyMs: queueReconcileSeconds * SECOND },
      logger,
    ),
    new TaskWorker(new TaskRounds(database, queue, scope), logger),
    keepingAudit(parts),
    new JobKeeper(jobs, jobRetentionSweepSeconds * SECOND, logger),
    ...(configuration.metrics ? [tellingOfSystem(parts)] : []),
  ];
  return {
    start: () => {
      for (const one of all) one.start();
    },
    stop: async () => {
      await Promise.all(all.map((one) => one.stop()));
    },
  };
}

function tellingOfSystem({ configuration, database, scope, identity, logger }: SideWorkParts): SystemTeller {
  const { metricsRefreshSeconds, queueLeaseTtlSeconds } = configuration;
  return new SystemTeller(
    database,
    scope,
    new Election(identity.workerId, queueLeaseTtlSeconds * SECOND),
    metricsRefreshSeconds * SECOND,
    logger,
  );
}

function keepingAudit({ configuration, database, scope, signer, logger }: SideWorkParts): AuditKeeper {
  const { auditArchiveDir, auditRetentionMonths: keepMonths } = configuration;
  const byPolicy = { ...scope, reason: `SS_AUDIT_RETENTION_MONTHS is ${String(keepMonths)}` };
  const archives =
    auditArchiveDir === null ? null : new AuditArchives(database, scope, signer, auditArchiveDir);
  const retention = new AuditRetention(database, byPolicy, signer, archives);
  return new AuditKeeper({ database, scope, retention, keepMonths }, logger);
}
