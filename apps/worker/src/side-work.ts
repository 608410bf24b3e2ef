import type { ArtifactStore } from '#artifacts';
import { AuditArchives, AuditRetention, type CheckpointSigner } from '#audit';
import type { Configuration } from '#configuration';
import type { Database, Scope } from '#database';
import { Election, JobRetention, ParkedJobs, QueueReconciler, TaskRounds, type WorkerIdentity } from '#jobs';
import type { CallLedger } from '#llm';
import { EventLog } from '#events';
import type { Logger } from '#observability';
import type { Queue } from '#queue';
import { TargetPolicy, WebhookCalls, WebhookOutbox } from '#webhooks';
import { AuditKeeper } from './audit-keeper.js';
import { JobKeeper } from './job-keeper.js';
import { ledgerSweeper } from './ledger-sweeper.js';
import { lettingInParked } from './letting-in-parked.js';
import { Reconciler } from './reconciler.js';
import { SystemTeller } from './system-teller.js';
import type { Periodic } from './periodic.js';
import { TaskWorker } from './task-worker.js';
import { turnGiver } from './turn-giver.js';
import { forgettingDeliveries, WebhookCaller } from './webhook-caller.js';

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
    ...callingWebhooks(parts),
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

function callingWebhooks({
  configuration,
  database,
  scope,
  logger,
}: SideWorkParts): readonly (WebhookCaller | Periodic)[] {
  const policy = new TargetPolicy(configuration.webhooksPrivateNetworks);
  const timeoutMs = configuration.webhooksTimeoutSeconds * SECOND;
  const outbox = new WebhookOutbox(database, scope, new EventLog(database, scope), {
    maxAttempts: configuration.webhooksMaxAttempts,
    backoffBaseMs: configuration.webhooksBackoffBaseSeconds * SECOND,
    backoffMaxMs: configuration.webhooksBackoffMaxSeconds * SECOND,
    disableAfterSeconds: configuration.webhooksDisableAfterHours * 3_600,
    keepDays: configuration.webhooksKeepDays,
  });
  const calls = new WebhookCalls(policy, timeoutMs);
  return [new WebhookCaller(outbox, calls, timeoutMs, logger), forgettingDeliveries(outbox, logger)];
}

function keepingAudit({ configuration, database, scope, signer, logger }: SideWorkParts): AuditKeeper {
  const { auditArchiveDir, auditRetentionMonths: keepMonths } = configuration;
  const byPolicy = { ...scope, reason: `SS_AUDIT_RETENTION_MONTHS is ${String(keepMonths)}` };
  const archives =
    auditArchiveDir === null ? null : new AuditArchives(database, scope, signer, auditArchiveDir);
  const retention = new AuditRetention(database, byPolicy, signer, archives);
  return new AuditKeeper({ database, scope, retention, keepMonths }, logger);
}
