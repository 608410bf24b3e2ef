import { type QuotaReport, QuotaReports } from '#jobs';
import { type TenantQuotaChange, TenantNotFound, TenantQuotas, Tenants } from '#tenancy';
import { type Command, InvalidArgumentError } from 'commander';
import { operatorScope } from '../deployment.js';
import { answer, table } from '../terminal.js';
import type { WithDeployment } from '../with-deployment.js';

interface QuotaOptions {
  weight?: number;
  queuedJobs?: number | null;
  runningJobs?: number | null;
  requestsPerSecond?: number | null;
  uploadBytes?: number | null;
  storageBytes?: number | null;
  retentionDays?: number | null;
  reason?: string;
  json?: boolean;
}

const MAX_WEIGHT = 10_000;
const MAX_INTEGER = 2_147_483_647;

/** `ssctl tenant quota NAME [--weight N --queued-jobs N|none …]` */
export function addQuotaCommand(tenant: Command, withDeployment: WithDeployment): void {
  tenant
    .command('quota')
    .description(
      'what the tenant may use of the deployment (docs/quotas.md); without options, what holds now',
    )
    .argument('<name>', 'the tenant')
    .option('--weight <n>', 'its share of the workers; 100 when nobody says otherwise', weight)
    .option('--queued-jobs <n>', 'jobs in the queue, or none', limit(0))
    .option('--running-jobs <n>', 'jobs that run at a time on all workers, or none', limit(0, MAX_INTEGER))
    .option('--requests-per-second <n>', 'in each process of the API, or none', limit(1, MAX_INTEGER))
    .option('--upload-bytes <n>', 'of one file, or none', limit(0))
    .option('--storage-bytes <n>', 'of all inputs and artifacts, or none', limit(0))
    .option('--retention-days <n>', 'how long a job that has ended is kept, or none', limit(1, MAX_INTEGER))
    .option('--reason <reason>', 'why; kept in the audit')
    .option('--json', 'one JSON document')
    .action(async (name: string, { json = false, ...options }: QuotaOptions) => {
      const report = await withDeployment((deployment) =>
        deployment.asOperator(async (database) => {
          const scope = { ...operatorScope(options.reason), tenantId: name };
          if (!(await new Tenants(database).exists(scope, name))) throw new TenantNotFound(name);
          const change = changeOf(options);
          if (Object.keys(change).length > 0) await new TenantQuotas(database).set(scope, change);
          return new QuotaReports(database).of(scope);
        }),
      );
      answer(json, { tenant_id: name, ...report }, () => describe(name, report));
    });
}

/** What was named; the rest stays as it is. */
function changeOf(options: QuotaOptions): TenantQuotaChange {
  return {
    ...(options.weight === undefined ? {} : { weight: options.weight }),
    ...(options.queuedJobs === undefined ? {} : { queued_jobs: options.queuedJobs }),
    ...(options.runningJobs === undefined ? {} : { running_jobs: options.runningJobs }),
    ...(options.requestsPerSecond === undefined ? {} : { requests_per_second: options.requestsPerSecond }),
    ...(options.uploadBytes === undefined ? {} : { upload_bytes: options.uploadBytes }),
    ...(options.storageBytes === undefined ? {} : { storage_bytes: options.storageBytes }),
    ...(options.retentionDays === undefined ? {} : { retention_days: options.retentionDays }),
  };
}

function describe(name: string, { quota, current }: QuotaReport): string[] {
  const shown = (value: number | null): string => (value === null ? 'none' : String(value));
  return table(
    [`QUOTA OF ${name}`, 'LIMIT', 'NOW'],
    [
      ['queued jobs', shown(quota.queued_jobs), String(current.queued_jobs)],
      ['running jobs', shown(quota.running_jobs), String(current.running_jobs)],
      ['requests a second', shown(quota.requests_per_second), '-'],
      ['upload bytes', shown(quota.upload_bytes), '-'],
      ['storage bytes', shown(quota.storage_bytes), String(current.storage_bytes)],
      ['retention days', shown(quota.retention_days), '-'],
      ['weight', String(quota.weight), '-'],
    ],
  );
}

/** A whole number within these bounds, or `none`. */
function limit(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number | null {
  return (text) => (text === 'none' ? null : wholeNumber(text, least, most, ', or none'));
}

function weight(text: string): number {
  return wholeNumber(text, 1, MAX_WEIGHT, '');
}

function wholeNumber(text: string, least: number, most: number, or: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new InvalidArgumentError(`a whole number from ${String(least)} to ${String(most)}${or}`);
  }
  return number;
}
