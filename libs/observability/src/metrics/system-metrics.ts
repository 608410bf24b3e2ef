import { Gauge } from 'prom-client';
import { SYSTEM } from './registries.js';

const gauge = <Label extends string>(
  name: string,
  help: string,
  labelNames: readonly Label[] = [],
): Gauge<Label> => new Gauge<Label>({ name, help, labelNames, registers: SYSTEM });

/**
 * What is true of the whole system, told by one worker for all. Where `tenant` is a label, it names at most
 * {@link TOLD_TENANTS}, and `other` stands for the rest.
 */
export const systemMetrics = {
  jobs: gauge('ss_jobs', 'Jobs that there are, by status.', ['status']),
  tenants: gauge('ss_tenants', 'Tenants that there are.'),
  workersAlive: gauge('ss_workers_alive', 'Workers that were seen within the time of a lease.'),
  queueMessages: gauge('ss_queue_messages', 'Messages of a queue, by what they wait for.', [
    'queue',
    'state',
  ]),
  queueDepth: gauge(
    'ss_queue_depth',
    'Messages of a queue that nobody has taken: ready, delayed and parked.',
    ['queue'],
  ),
  queueReady: gauge('ss_queue_ready', 'Messages of a queue that could be taken now.', ['queue']),
  queueOldestAge: gauge(
    'ss_queue_oldest_age_seconds',
    'How long the oldest message of a queue has been ready; 0 when none is.',
    ['queue'],
  ),
  queuePaused: gauge(
    'ss_queue_paused',
    'Whether nothing is taken from a queue because an operator paused it.',
    ['queue'],
  ),
  tenantDepth: gauge('ss_queue_tenant_depth', 'Messages of a tenant in a queue that nobody has taken.', [
    'queue',
    'tenant',
  ]),
  tenantReady: gauge('ss_queue_tenant_ready', 'Messages of a tenant in a queue that could be taken now.', [
    'queue',
    'tenant',
  ]),
  tenantOldestAge: gauge(
    'ss_queue_tenant_oldest_age_seconds',
    'How long the oldest message of a tenant in a queue has been ready; 0 when none is.',
    ['queue', 'tenant'],
  ),
  auditRows: gauge('ss_audit_rows', 'Numbers that rows of the audit were given so far.'),
  auditUnsealed: gauge('ss_audit_unsealed_rows', 'Rows of the audit that are not sealed yet, up to 100000.'),
  auditSealAge: gauge(
    'ss_audit_seal_age_seconds',
    'How long the oldest row of the audit has waited for its seal; 0 when none waits.',
  ),
  migrationItems: gauge(
    'ss_migration_items',
    'Legacy files that batches have looked at, by what became of them.',
    ['outcome'],
  ),
  budgetUsed: gauge(
    'ss_llm_budget_used_ratio',
    'Share of a day’s budget that a tenant has used, of the tenants that have used most.',
    ['tenant', 'budget'],
  ),
  databaseSize: gauge('ss_database_size_bytes', 'Size of the database on its disk.'),
  databaseRows: gauge('ss_database_rows', 'Rows by the statistics of the database, dead or live.', [
    'schema',
    'state',
  ]),
  oldestTransaction: gauge(
    'ss_database_oldest_transaction_seconds',
    'How long the oldest transaction has been open that can be seen.',
  ),
  connections: gauge('ss_database_connections', 'Connections to the database server.'),
  maxConnections: gauge('ss_database_max_connections', 'Connections that the database server allows.'),
  lookSeconds: gauge(
    'ss_system_look_duration_seconds',
    'How long it took to gather the figures of the system.',
  ),
  lookedAt: gauge('ss_system_look_timestamp_seconds', 'When the figures of the system were gathered.'),
};

/** So many tenants are named in one metric. */
export const TOLD_TENANTS = 20;
/** Those that are not named. */
export const OTHER_TENANTS = 'other';
